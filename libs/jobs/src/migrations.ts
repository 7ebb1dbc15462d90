import type { MigrationInterface, QueryRunner } from 'typeorm';

export type MigrationClass = new () => MigrationInterface;

/** Tables of this library. Names are unqualified: the connection's search_path is the service's own schema. */
class JobTables1764000000000 implements MigrationInterface {
  // The class name would do, but bundlers and minifiers change it.
  readonly name = 'JobTables1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...inboxAndOutbox, ...jobs]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE job, cancelled_run, outbox, inbox');
    await runner.query('DROP FUNCTION announce_outbox, announce_job');
  }
}

const inboxAndOutbox = [
  `CREATE TABLE inbox (
     consumer text NOT NULL,
     event_id text NOT NULL,
     received_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (consumer, event_id)
   )`,
  `CREATE TABLE outbox (
     id uuid PRIMARY KEY,
     seq bigint GENERATED ALWAYS AS IDENTITY,
     subject text NOT NULL,
     headers jsonb NOT NULL,
     payload text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT now(),
     published_at timestamptz,
     stream_seq bigint,
     attempts int NOT NULL DEFAULT 0,
     last_error text
   )`,
  `CREATE INDEX outbox_pending ON outbox (seq) WHERE published_at IS NULL`,
  // Channels are shared by the whole database, so the schema is part of their names.
  `CREATE FUNCTION announce_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN PERFORM pg_notify('anneal_outbox_' || TG_TABLE_SCHEMA, ''); RETURN NULL; END $$`,
  `CREATE TRIGGER outbox_announce AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION announce_outbox()`,
];

const jobs = [
  `CREATE TABLE job (
     id uuid PRIMARY KEY,
     run_id text NOT NULL,
     kind text NOT NULL,
     input jsonb NOT NULL,
     state text NOT NULL DEFAULT 'ready'
       CONSTRAINT job_state CHECK (state IN ('ready', 'running', 'succeeded', 'failed', 'cancelled')),
     attempt int NOT NULL DEFAULT 0,
     max_attempts int NOT NULL CONSTRAINT job_max_attempts CHECK (max_attempts >= 1),
     lease_owner text,
     lease_token bigint NOT NULL DEFAULT 0,
     lease_until timestamptz,
     run_at timestamptz NOT NULL DEFAULT now(),
     causation_id text,
     failure jsonb,
     created_at timestamptz NOT NULL DEFAULT now(),
     started_at timestamptz,
     finished_at timestamptz,
     CONSTRAINT job_once_per_run UNIQUE (run_id, kind),
     CONSTRAINT job_leased_while_running CHECK ((state = 'running') = (lease_until IS NOT NULL))
   )`,
  `CREATE INDEX job_claim ON job (kind, run_at) WHERE state IN ('ready', 'running')`,
  `CREATE TABLE cancelled_run (run_id text PRIMARY KEY, cancelled_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN PERFORM pg_notify('anneal_job_' || TG_TABLE_SCHEMA, 'ready'); RETURN NULL; END $$`,
  `CREATE TRIGGER job_announce AFTER INSERT ON job FOR EACH STATEMENT EXECUTE FUNCTION announce_job()`,
];

/** The migrations of inbox, outbox and job rows; createDataSource puts them before a service's own. */
export const jobMigrations: readonly MigrationClass[] = [JobTables1764000000000];
