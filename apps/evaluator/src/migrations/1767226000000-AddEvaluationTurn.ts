import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The retry that an evaluation belongs to. */
export class AddEvaluationTurn1767226000000 implements MigrationInterface {
  readonly name = 'AddEvaluationTurn1767226000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE evaluation ADD COLUMN turn int NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE evaluation DROP COLUMN turn');
  }
}
