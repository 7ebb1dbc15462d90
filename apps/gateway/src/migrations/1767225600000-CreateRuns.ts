import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateRuns1767225600000 implements MigrationInterface {
  readonly name = 'CreateRuns1767225600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE run (
        id text PRIMARY KEY,
        name text NOT NULL,
        state text NOT NULL
          CONSTRAINT run_state CHECK (state IN ('running', 'paused', 'succeeded', 'failed', 'cancelled', 'rejected')),
        version int NOT NULL DEFAULT 1,
        turn int NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        finished_at timestamptz,
        spec jsonb,
        plan jsonb,
        results jsonb,
        verdict text,
        verdict_reason text,
        report jsonb,
        published_to text,
        withheld_by text,
        problems jsonb,
        failure jsonb,
        CONSTRAINT run_finished_when_final CHECK ((state IN ('running', 'paused')) = (finished_at IS NULL))
      )`);
    await runner.query('CREATE INDEX run_newest ON run (created_at DESC, id DESC)');
    await runner.query(`
      CREATE TABLE stage (
        run_id text NOT NULL REFERENCES run (id) ON DELETE CASCADE,
        stage text NOT NULL,
        state text NOT NULL
          CONSTRAINT stage_state CHECK (state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled')),
        started_at timestamptz,
        finished_at timestamptz,
        progress jsonb,
        failure jsonb,
        PRIMARY KEY (run_id, stage)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE stage, run');
  }
}
