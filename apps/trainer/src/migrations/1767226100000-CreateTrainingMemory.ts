import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTrainingMemory1767226100000 implements MigrationInterface {
  readonly name = 'CreateTrainingMemory1767226100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE training_memory (
        run_id text PRIMARY KEY,
        family text NOT NULL,
        method text NOT NULL,
        strategy text NOT NULL,
        peak double precision NOT NULL,
        estimated double precision NOT NULL,
        measured_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query('CREATE INDEX training_memory_kind ON training_memory (family, method, measured_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE training_memory');
  }
}
