import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a person should look at before believing the evaluation of a run. */
export class AddAlarms1767226200000 implements MigrationInterface {
  readonly name = 'AddAlarms1767226200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run ADD COLUMN alarms jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE run DROP COLUMN alarms');
  }
}
