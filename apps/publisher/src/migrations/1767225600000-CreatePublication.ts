import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreatePublication1767225600000 implements MigrationInterface {
  readonly name = 'CreatePublication1767225600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE publication (
        run_id text PRIMARY KEY,
        repository text NOT NULL,
        parent_commit text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE publication');
  }
}
