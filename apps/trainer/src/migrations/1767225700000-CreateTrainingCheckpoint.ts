import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTrainingCheckpoint1767225700000 implements MigrationInterface {
  readonly name = 'CreateTrainingCheckpoint1767225700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE training_checkpoint (
        run_id text NOT NULL,
        step integer NOT NULL,
        artifact jsonb NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (run_id, step)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE training_checkpoint');
  }
}
