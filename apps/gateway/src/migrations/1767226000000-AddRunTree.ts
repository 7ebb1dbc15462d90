import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What stages tell beyond their state: every attempt, what they stored, and what they found out. */
export class AddRunTree1767226000000 implements MigrationInterface {
  readonly name = 'AddRunTree1767226000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE stage
        ADD COLUMN attempts jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN artifacts jsonb NOT NULL DEFAULT '[]'`);
    await runner.query(`
      ALTER TABLE run
        ADD COLUMN dataset jsonb,
        ADD COLUMN training jsonb,
        ADD COLUMN merge jsonb,
        ADD COLUMN renewed jsonb NOT NULL DEFAULT '{}'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE run DROP COLUMN dataset, DROP COLUMN training, DROP COLUMN merge, DROP COLUMN renewed',
    );
    await runner.query('ALTER TABLE stage DROP COLUMN attempts, DROP COLUMN artifacts');
  }
}
