import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddTrainingObjective1767226300000 implements MigrationInterface {
  readonly name = 'AddTrainingObjective1767226300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE training_memory ADD COLUMN objective text NOT NULL DEFAULT 'sft'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE training_memory DROP COLUMN objective');
  }
}
