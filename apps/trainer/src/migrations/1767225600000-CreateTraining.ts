import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTraining1767225600000 implements MigrationInterface {
  readonly name = 'CreateTraining1767225600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE training (
        run_id text PRIMARY KEY,
        plan jsonb NOT NULL,
        base jsonb NOT NULL,
        plan_artifact jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE training');
  }
}
