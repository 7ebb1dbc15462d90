import type { MigrationInterface, QueryRunner } from 'typeorm';

export type MigrationClass = new () => MigrationInterface;

/** Tables of this library. Names are unqualified: the connection's search_path is the service's own schema. */
class JobTables1764000000000 implements MigrationInterface {
  // The class name would do, but bundlers and minifiers change it.
  readonly name = 'JobTables1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...inboxAndOutbox, ...deadLetters, ...jobs]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE job, run_course, event_trouble, dead_letter, relay_beat, stream_mark, outbox, inbox',
    );
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
  // Nearly free to keep, and enough to find what is old: rows come in the order of their time.
  `CREATE INDEX inbox_age ON inbox USING brin (received_at)`,
  // Ids of adopted events are their senders' and may have any form.
  `CREATE TABLE outbox (
     id text PRIMARY KEY,
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
  `CREATE INDEX outbox_stream_seq ON outbox (stream_seq)`,
  `CREATE INDEX outbox_age ON outbox USING brin (created_at)`,
  `CREATE TABLE stream_mark (
     only_one boolean PRIMARY KEY DEFAULT true CONSTRAINT stream_mark_only_one CHECK (only_one),
     created text NOT NULL,
     last_seq bigint NOT NULL,
     changed_at timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE TABLE relay_beat (
     only_one boolean PRIMARY KEY DEFAULT true CONSTRAINT relay_beat_only_one CHECK (only_one),
     backend int NOT NULL,
     beat_at timestamptz NOT NULL
   )`,
  // Channels are shared by the whole database, so the schema is part of their names.
  `CREATE FUNCTION announce_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN PERFORM pg_notify('anneal_outbox_' || TG_TABLE_SCHEMA, ''); RETURN NULL; END $$`,
  `CREATE TRIGGER outbox_announce AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION announce_outbox()`,
];

const deadLetters = [
  `CREATE TABLE dead_letter (
     id uuid PRIMARY KEY,
     subject text NOT NULL,
     stream_seq bigint NOT NULL,
     event_id text NOT NULL,
     reason text NOT NULL,
     headers jsonb NOT NULL,
     bytes bytea NOT NULL,
     deliveries int NOT NULL,
     set_aside_at timestamptz NOT NULL DEFAULT now(),
     replayed_at timestamptz,
     CONSTRAINT dead_letter_once UNIQUE (event_id, stream_seq)
   )`,
  `CREATE TABLE event_trouble (
     event_id text NOT NULL,
     stream_seq bigint NOT NULL,
     starts int NOT NULL,
     failures int NOT NULL,
     changed_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (event_id, stream_seq)
   )`,
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
  `CREATE TABLE run_course (
     run_id text PRIMARY KEY,
     course text NOT NULL CONSTRAINT run_course_known CHECK (course IN ('going', 'paused', 'failed', 'cancelled')),
     turn int NOT NULL,
     changed_at timestamptz NOT NULL DEFAULT now()
   )`,
  `CREATE FUNCTION announce_job() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN PERFORM pg_notify('anneal_job_' || TG_TABLE_SCHEMA, 'ready'); RETURN NULL; END $$`,
  `CREATE TRIGGER job_announce AFTER INSERT ON job FOR EACH STATEMENT EXECUTE FUNCTION announce_job()`,
];

class JobOutages1764000000001 implements MigrationInterface {
  readonly name = 'JobOutages1764000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job ADD COLUMN outages int NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job DROP COLUMN outages');
  }
}

class JobAttempts1764000000002 implements MigrationInterface {
  readonly name = 'JobAttempts1764000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job ADD COLUMN attempt_started_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job DROP COLUMN attempt_started_at');
  }
}

class JobTurns1764000000003 implements MigrationInterface {
  readonly name = 'JobTurns1764000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job ADD COLUMN turn int NOT NULL DEFAULT 0, DROP CONSTRAINT job_state');
    await runner.query(
      `ALTER TABLE job ADD CONSTRAINT job_state
         CHECK (state IN ('ready', 'running', 'succeeded', 'failed', 'cancelled', 'outdated'))`,
    );
    await runner.query('ALTER TABLE run_course ADD COLUMN renewed_from text, ADD COLUMN renewed_turn int');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run_course DROP COLUMN renewed_from, DROP COLUMN renewed_turn');
    await runner.query(`DELETE FROM job WHERE state = 'outdated'`);
    await runner.query('ALTER TABLE job DROP CONSTRAINT job_state, DROP COLUMN turn');
    await runner.query(
      `ALTER TABLE job ADD CONSTRAINT job_state
         CHECK (state IN ('ready', 'running', 'succeeded', 'failed', 'cancelled'))`,
    );
  }
}

class JobTraces1764000000004 implements MigrationInterface {
  readonly name = 'JobTraces1764000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job ADD COLUMN trace jsonb, ADD COLUMN attempt_trace jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job DROP COLUMN trace, DROP COLUMN attempt_trace');
  }
}

class JobProjects1764000000005 implements MigrationInterface {
  readonly name = 'JobProjects1764000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE job ADD COLUMN project text NOT NULL DEFAULT 'default'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job DROP COLUMN project');
  }
}

/** The migrations of inbox, outbox and job rows; createDataSource puts them before a service's own. */
export const jobMigrations: readonly MigrationClass[] = [
  JobTables1764000000000,
  JobOutages1764000000001,
  JobAttempts1764000000002,
  JobTurns1764000000003,
  JobTraces1764000000004,
  JobProjects1764000000005,
];
