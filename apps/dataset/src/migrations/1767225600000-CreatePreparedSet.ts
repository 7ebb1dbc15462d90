import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePreparedSet1767225600000 implements MigrationInterface {
  readonly name = 'CreatePreparedSet1767225600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE prepared_set (
        key text PRIMARY KEY,
        prepared jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE prepared_set');
  }
}
