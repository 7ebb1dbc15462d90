import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOpenai1767225900000 implements MigrationInterface {
  readonly name = 'CreateOpenai1767225900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE request_memory (
        project text NOT NULL,
        call text NOT NULL,
        fingerprint text NOT NULL,
        subject text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (project, call, fingerprint)
      )`);
    // "place" orders lists: it never changes and no two have the same one, whatever clocks say.
    await runner.query(`
      CREATE TABLE file (
        id text PRIMARY KEY,
        place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        project text NOT NULL,
        purpose text NOT NULL CONSTRAINT file_purpose CHECK (purpose IN ('fine-tune', 'fine-tune-results')),
        filename text NOT NULL,
        bytes bigint NOT NULL,
        status text NOT NULL CONSTRAINT file_status CHECK (status IN ('uploaded', 'processed', 'error')),
        status_details text,
        rows int,
        characters bigint,
        artifact jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz
      )`);
    await runner.query('CREATE INDEX file_of_project ON file (project, place)');
    await runner.query("CREATE INDEX file_unchecked ON file (place) WHERE status = 'uploaded'");
    await runner.query(`
      CREATE TABLE upload (
        id text PRIMARY KEY,
        project text NOT NULL,
        purpose text NOT NULL,
        filename text NOT NULL,
        mime_type text NOT NULL,
        bytes bigint NOT NULL,
        status text NOT NULL CONSTRAINT upload_status CHECK (status IN ('pending', 'completed', 'cancelled')),
        part_ids jsonb,
        file_id text,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(`
      CREATE TABLE upload_part (
        id text PRIMARY KEY,
        upload_id text NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
        bytes bigint NOT NULL,
        artifact jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX upload_part_of_upload ON upload_part (upload_id)');
    await runner.query(`
      CREATE TABLE fine_tuning_job (
        id text PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
        place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        project text NOT NULL,
        model text NOT NULL,
        tuned_model text NOT NULL UNIQUE,
        training_file text NOT NULL,
        validation_file text,
        hyperparameters jsonb NOT NULL,
        metadata jsonb NOT NULL,
        seed int NOT NULL,
        result_file text,
        model_deleted_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX fine_tuning_job_of_project ON fine_tuning_job (project, place)');
    await runner.query('CREATE INDEX fine_tuning_job_unfinished ON fine_tuning_job (place) WHERE result_file IS NULL');
    await runner.query(`
      CREATE TABLE fine_tuning_event (
        id text PRIMARY KEY,
        place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        job_id text NOT NULL REFERENCES fine_tuning_job (id) ON DELETE CASCADE,
        level text NOT NULL,
        type text NOT NULL,
        message text NOT NULL,
        data jsonb,
        step int,
        created_at timestamptz NOT NULL,
        CONSTRAINT fine_tuning_event_step UNIQUE (job_id, step)
      )`);
    await runner.query('CREATE INDEX fine_tuning_event_of_job ON fine_tuning_event (job_id, place)');
    await runner.query(`
      CREATE TABLE webhook_endpoint (
        id text PRIMARY KEY,
        place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        project text NOT NULL,
        name text NOT NULL,
        url text NOT NULL,
        event_types jsonb NOT NULL,
        secret text NOT NULL,
        old_secret text,
        old_secret_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX webhook_endpoint_of_project ON webhook_endpoint (project, place)');
    await runner.query(`
      CREATE TABLE webhook_delivery (
        id text PRIMARY KEY,
        place bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        endpoint_id text NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
        event_id text NOT NULL,
        body text NOT NULL,
        attempts jsonb NOT NULL DEFAULT '[]',
        next_try_at timestamptz DEFAULT now(),
        delivered_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(
      'CREATE INDEX webhook_delivery_due ON webhook_delivery (next_try_at) WHERE next_try_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `DROP TABLE webhook_delivery, webhook_endpoint, fine_tuning_event, fine_tuning_job, upload_part, upload, file,
         request_memory`,
    );
  }
}
