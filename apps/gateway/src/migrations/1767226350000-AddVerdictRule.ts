import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The rule of the policy by which a verdict was reached. */
export class AddVerdictRule1767226350000 implements MigrationInterface {
  readonly name = 'AddVerdictRule1767226350000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run ADD COLUMN verdict_rule text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run DROP COLUMN verdict_rule');
  }
}
