import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The queue for devices is one for all services now, in the schema `devices`. */
export class DropDeviceRequest1767226200000 implements MigrationInterface {
  readonly name = 'DropDeviceRequest1767226200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE device_turn, device_request');
  }

  async down(): Promise<void> {
    throw new Error('What waited for devices was in the tables that are gone.');
  }
}
