import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddCheckpointRemoval1767226400000 implements MigrationInterface {
  readonly name = 'AddCheckpointRemoval1767226400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE training_checkpoint ADD COLUMN resumed_at timestamptz');
    await runner.query(`
      CREATE TABLE checkpoint_removal (
        digest text PRIMARY KEY,
        run_id text NOT NULL,
        dropped_at timestamptz NOT NULL DEFAULT now(),
        claimed_until timestamptz
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE checkpoint_removal');
    await runner.query('ALTER TABLE training_checkpoint DROP COLUMN resumed_at');
  }
}
