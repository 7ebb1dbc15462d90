import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddKeyLimits1767226100000 implements MigrationInterface {
  readonly name = 'AddKeyLimits1767226100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE api_key
        ADD COLUMN requests_per_second int,
        ADD COLUMN largest_body_bytes int,
        ADD COLUMN largest_file_bytes bigint`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE api_key
        DROP COLUMN requests_per_second,
        DROP COLUMN largest_body_bytes,
        DROP COLUMN largest_file_bytes`);
  }
}
