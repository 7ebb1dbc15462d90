import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateDevices1767226200000 implements MigrationInterface {
  readonly name = 'CreateDevices1767226200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE host (
        name text NOT NULL,
        service text NOT NULL,
        gpus jsonb NOT NULL,
        memory_mib double precision NOT NULL,
        open integer NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (name, service)
      )`);
    await runner.query(`
      CREATE TABLE request (
        job_id uuid PRIMARY KEY,
        run_id text NOT NULL,
        service text NOT NULL,
        home text NOT NULL,
        device text NOT NULL CONSTRAINT request_device CHECK (device IN ('cpu', 'gpu')),
        wanted integer NOT NULL CONSTRAINT request_wanted CHECK (wanted >= 1),
        memory_mib double precision,
        movable boolean NOT NULL,
        priority integer NOT NULL,
        project text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        attended_until timestamptz NOT NULL,
        most_seconds double precision,
        reserved_at timestamptz,
        reserved_on text,
        host text,
        indices integer[],
        started_at timestamptz,
        expected_end timestamptz,
        CONSTRAINT request_started
          CHECK ((indices IS NULL) = (started_at IS NULL) AND (indices IS NULL) = (host IS NULL))
      )`);
    await runner.query('CREATE INDEX request_queue ON request (device, asked_at)');
    await runner.query(`
      CREATE TABLE turn (
        device text NOT NULL,
        project text NOT NULL,
        served_at timestamptz NOT NULL,
        PRIMARY KEY (device, project)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE turn, request, host');
  }
}
