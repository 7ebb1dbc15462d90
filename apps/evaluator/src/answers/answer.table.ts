import type { AnswerPair, AnsweredQuestion, Finish, Outcome } from '@anneal/evaluation';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

/** Which of the two models: the untouched base, or the tuned one as it would be published. */
export type Subject = 'base' | 'tuned';

export interface AnswerRow {
  readonly runId: string;
  readonly subject: Subject;
  readonly benchmark: string;
  readonly itemId: string;
  /** Place among all questions of the run. */
  readonly position: number;
  readonly promptDigest: string;
  readonly prompt: string;
  readonly expected: string;
  readonly text: string;
  readonly finish: Finish;
  readonly outcome: Outcome;
  /** Unknown of an answer that lm-eval asked for. */
  readonly tokens: number | null;
  readonly seconds: number | null;
  /** Why it failed. */
  readonly problem: string | null;
  /** What was found in the answer, and in which step, where the benchmark looks for something. */
  readonly letter: string | null;
  readonly step: number | null;
  /** Names the model and all settings, for answers that another run may take over. */
  readonly askedAs: string | null;
}

const digestRows = z.array(
  z.object({
    subject: z.enum(['base', 'tuned']),
    benchmark: z.string(),
    itemId: z.string(),
    promptDigest: z.string(),
    failed: z.boolean(),
  }),
);

const knownRows = z.array(
  z.object({
    promptDigest: z.string(),
    text: z.string(),
    finish: z.enum(['stop', 'length', 'too_long']),
    outcome: z.enum(['correct', 'wrong', 'unparsed']),
    tokens: z.number().nullable(),
    seconds: z.number().nullable(),
  }),
);
/** What the same model answered to the same question in another run. */
export type KnownAnswer = z.infer<typeof knownRows>[number];

const outcome = z.enum(['correct', 'wrong', 'unparsed', 'failed']);
const end = z.object({
  finish: z.enum(['stop', 'length', 'too_long', 'failed']),
  tokens: z.number(),
  seconds: z.number(),
});
const pairRows = z.array(
  z.object({
    benchmark: z.string(),
    itemId: z.string(),
    prompt: z.string(),
    expected: z.string(),
    sameQuestion: z.boolean().nullable(),
    baseText: z.string().nullable(),
    baseOutcome: outcome.nullable(),
    baseEnd: end.nullable(),
    tunedText: z.string().nullable(),
    tunedOutcome: outcome.nullable(),
    tunedEnd: end.nullable(),
  }),
);

const counts = z.array(
  z.object({
    benchmark: z.string(),
    answers: z.coerce.number(),
    tooLong: z.coerce.number(),
    failed: z.coerce.number(),
    problem: z.string().nullable(),
  }),
);

/** The answers that are known; they survive whatever happens to a measurement. */
@Injectable()
export class AnswerTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Which questions of a run have been answered, by either model. */
  async digests(runId: string): Promise<AnsweredQuestion[]> {
    return digestRows.parse(
      await this.dataSource.query<unknown>(
        `SELECT subject, benchmark, item_id AS "itemId", prompt_digest AS "promptDigest", outcome = 'failed' AS failed
           FROM answer WHERE run_id = $1`,
        [runId],
      ),
    );
  }

  /** Answers of other runs to any of these questions, asked in the same way. */
  async known(askedAs: string, promptDigests: readonly string[]): Promise<KnownAnswer[]> {
    return knownRows.parse(
      await this.dataSource.query<unknown>(
        `SELECT DISTINCT ON (prompt_digest) prompt_digest AS "promptDigest", text, finish, outcome, tokens,
                seconds
           FROM answer WHERE asked_as = $1 AND prompt_digest = ANY($2) AND finish <> 'failed'`,
        [askedAs, promptDigests],
      ),
    );
  }

  /** Keeps an answer; a second one to the same question changes nothing, unless the first one failed. */
  async insert(tx: EntityManager, row: AnswerRow): Promise<void> {
    await tx.query(
      `INSERT INTO answer (run_id, subject, benchmark, item_id, position, prompt_digest, prompt, expected, text, finish,
                           outcome, tokens, seconds, problem, letter, step, asked_as)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
       ON CONFLICT (run_id, subject, benchmark, item_id) DO UPDATE SET
         text = excluded.text, finish = excluded.finish, outcome = excluded.outcome, tokens = excluded.tokens,
         seconds = excluded.seconds, problem = excluded.problem, letter = excluded.letter, step = excluded.step
         WHERE answer.outcome = 'failed'`,
      [
        row.runId,
        row.subject,
        row.benchmark,
        row.itemId,
        row.position,
        row.promptDigest,
        storable(row.prompt),
        storable(row.expected),
        storable(row.text),
        row.finish,
        row.outcome,
        row.tokens,
        row.seconds,
        row.problem === null ? null : storable(row.problem),
        row.letter,
        row.step,
        row.askedAs,
      ],
    );
  }

  /** Benchmarks of a run with how many of a model's questions were too long or failed, and a reason for the latter. */
  async counts(runId: string, subject: Subject): Promise<z.infer<typeof counts>> {
    return counts.parse(
      await this.dataSource.query<unknown>(
        `SELECT benchmark, count(*) AS answers, count(*) FILTER (WHERE finish = 'too_long') AS "tooLong",
                count(*) FILTER (WHERE outcome = 'failed') AS failed, max(problem) AS problem
           FROM answer WHERE run_id = $1 AND subject = $2 GROUP BY benchmark`,
        [runId, subject],
      ),
    );
  }

  /** All questions of a run with both answers, in the order in which they were asked. */
  async pairs(runId: string): Promise<AnswerPair[]> {
    return pairRows.parse(
      await this.dataSource.query<unknown>(
        `SELECT benchmark, item_id AS "itemId",
                coalesce(base.prompt, tuned.prompt) AS prompt, coalesce(base.expected, tuned.expected) AS expected,
                base.prompt_digest = tuned.prompt_digest AS "sameQuestion",
                base.text AS "baseText", base.outcome AS "baseOutcome", ${endOf('base')} AS "baseEnd",
                tuned.text AS "tunedText", tuned.outcome AS "tunedOutcome", ${endOf('tuned')} AS "tunedEnd"
           FROM (SELECT * FROM answer WHERE run_id = $1 AND subject = 'base') base
           FULL JOIN (SELECT * FROM answer WHERE run_id = $1 AND subject = 'tuned') tuned USING (benchmark, item_id)
          ORDER BY coalesce(base.position, tuned.position), benchmark, item_id`,
        [runId],
      ),
    );
  }
}

/** How an answer ended, as one value: null where there is none, and where nobody knows. */
function endOf(subject: Subject): string {
  const members = ['finish', 'tokens', 'seconds'].map((name) => `'${name}', ${subject}.${name}`);
  return `CASE WHEN ${subject}.tokens IS NOT NULL THEN json_build_object(${members.join(', ')}) END`;
}

/** PostgreSQL's text cannot hold the character NUL, which a model may write. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd');
}
