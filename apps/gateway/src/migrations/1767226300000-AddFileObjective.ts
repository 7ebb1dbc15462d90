import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddFileObjective1767226300000 implements MigrationInterface {
  readonly name = 'AddFileObjective1767226300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE file ADD COLUMN objective text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE file DROP COLUMN objective');
  }
}
