import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each model answered, and how far the evaluation of a run is. */
export class CreateAnswers1767225600000 implements MigrationInterface {
  readonly name = 'CreateAnswers1767225600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE answer (
         run_id text NOT NULL,
         subject text NOT NULL CONSTRAINT answer_subject CHECK (subject IN ('base', 'tuned')),
         benchmark text NOT NULL,
         item_id text NOT NULL,
         position int NOT NULL,
         prompt_digest text NOT NULL,
         prompt text NOT NULL,
         expected text NOT NULL,
         text text NOT NULL,
         finish text NOT NULL,
         outcome text NOT NULL CONSTRAINT answer_outcome CHECK (outcome IN ('correct', 'wrong', 'unparsed')),
         tokens int NOT NULL,
         seconds double precision NOT NULL,
         PRIMARY KEY (run_id, subject, benchmark, item_id)
       )`,
    );
    await runner.query(
      `CREATE TABLE evaluation (
         run_id text PRIMARY KEY,
         base_done boolean NOT NULL DEFAULT false,
         tuned_done boolean NOT NULL DEFAULT false,
         base_settings jsonb,
         tuned_settings jsonb,
         merged jsonb,
         merged_event text
       )`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE evaluation, answer');
  }
}
