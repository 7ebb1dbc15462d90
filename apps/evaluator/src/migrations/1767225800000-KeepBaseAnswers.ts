import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers that later runs may take over, questions that could not be asked, and what was found in an answer. */
export class KeepBaseAnswers1767225800000 implements MigrationInterface {
  readonly name = 'KeepBaseAnswers1767225800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE answer
         DROP CONSTRAINT answer_outcome,
         ADD CONSTRAINT answer_outcome CHECK (outcome IN ('correct', 'wrong', 'unparsed', 'failed')),
         ADD COLUMN asked_as text,
         ADD COLUMN problem text,
         ADD COLUMN letter text,
         ADD COLUMN step smallint`,
    );
    await runner.query('CREATE INDEX answer_reuse ON answer (asked_as, prompt_digest) WHERE asked_as IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX answer_reuse');
    await runner.query(`DELETE FROM answer WHERE outcome = 'failed'`);
    await runner.query(
      `ALTER TABLE answer
         DROP CONSTRAINT answer_outcome,
         ADD CONSTRAINT answer_outcome CHECK (outcome IN ('correct', 'wrong', 'unparsed')),
         DROP COLUMN asked_as, DROP COLUMN problem, DROP COLUMN letter, DROP COLUMN step`,
    );
  }
}
