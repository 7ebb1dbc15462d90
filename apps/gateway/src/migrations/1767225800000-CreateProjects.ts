import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateProjects1767225800000 implements MigrationInterface {
  readonly name = 'CreateProjects1767225800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE api_key (
        id text PRIMARY KEY,
        name text NOT NULL,
        project text NOT NULL,
        scope text NOT NULL CONSTRAINT api_key_scope CHECK (scope IN ('read', 'submit', 'admin')),
        secret_digest text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      )`);
    // What was there before projects were belongs to the first one.
    await runner.query("ALTER TABLE run ADD COLUMN project text NOT NULL DEFAULT 'default'");
    await runner.query('CREATE INDEX run_newest_of_project ON run (project, created_at DESC, id DESC)');
    await runner.query('DROP INDEX run_newest');
    await runner.query('CREATE SEQUENCE run_change');
    await runner.query("ALTER TABLE run ADD COLUMN change bigint NOT NULL DEFAULT nextval('run_change')");
    await runner.query('CREATE INDEX run_changed ON run (change)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX run_newest ON run (created_at DESC, id DESC)');
    await runner.query('ALTER TABLE run DROP COLUMN project, DROP COLUMN change');
    await runner.query('DROP SEQUENCE run_change');
    await runner.query('DROP TABLE api_key');
  }
}
