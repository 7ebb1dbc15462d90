import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateDeviceRequest1767226000000 implements MigrationInterface {
  readonly name = 'CreateDeviceRequest1767226000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE device_request (
        job_id uuid PRIMARY KEY,
        run_id text NOT NULL,
        host text NOT NULL,
        device text NOT NULL CONSTRAINT device_request_device CHECK (device IN ('cpu', 'gpu')),
        wanted integer NOT NULL CONSTRAINT device_request_wanted CHECK (wanted >= 1),
        priority integer NOT NULL,
        project text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        reserved_at timestamptz,
        most_seconds double precision,
        indices integer[],
        started_at timestamptz,
        expected_end timestamptz,
        CONSTRAINT device_request_started CHECK ((indices IS NULL) = (started_at IS NULL))
      )`);
    await runner.query('CREATE INDEX device_request_host ON device_request (host, device)');
    await runner.query(`
      CREATE TABLE device_turn (
        host text NOT NULL,
        device text NOT NULL,
        project text NOT NULL,
        served_at timestamptz NOT NULL,
        PRIMARY KEY (host, device, project)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE device_turn, device_request');
  }
}
