import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddUploadLifetime1767226400000 implements MigrationInterface {
  readonly name = 'AddUploadLifetime1767226400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload ADD COLUMN file_seconds int');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE upload DROP COLUMN file_seconds');
  }
}
