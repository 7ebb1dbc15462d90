import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an answer took is not known of those that lm-eval asks for. */
export class AllowUnknownEffort1767226200000 implements MigrationInterface {
  readonly name = 'AllowUnknownEffort1767226200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE answer ALTER COLUMN tokens DROP NOT NULL, ALTER COLUMN seconds DROP NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM answer WHERE tokens IS NULL OR seconds IS NULL');
    await runner.query('ALTER TABLE answer ALTER COLUMN tokens SET NOT NULL, ALTER COLUMN seconds SET NOT NULL');
  }
}
