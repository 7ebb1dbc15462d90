import type { AnswerPair, Finish, Outcome } from '@anneal/evaluation';
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
  readonly tokens: number;
  readonly seconds: number;
}

const digestRows = z.array(
  z.object({ subject: z.enum(['base', 'tuned']), benchmark: z.string(), itemId: z.string(), promptDigest: z.string() }),
);
export type StoredDigest = z.infer<typeof digestRows>[number];

const outcome = z.enum(['correct', 'wrong', 'unparsed']);
const end = z.object({ finish: z.enum(['stop', 'length', 'too_long']), tokens: z.number(), seconds: z.number() });
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

const counts = z.array(z.object({ benchmark: z.string(), answers: z.coerce.number(), tooLong: z.coerce.number() }));

/** The answers that are known; they survive whatever happens to a measurement. */
@Injectable()
export class AnswerTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Which questions of a run have been answered, by either model. */
  async digests(runId: string): Promise<StoredDigest[]> {
    return digestRows.parse(
      await this.dataSource.query<unknown>(
        `SELECT subject, benchmark, item_id AS "itemId", prompt_digest AS "promptDigest" FROM answer WHERE run_id = $1`,
        [runId],
      ),
    );
  }

  /** Keeps an answer; a second one to the same question changes nothing. */
  async insert(tx: EntityManager, row: AnswerRow): Promise<void> {
    await tx.query(
      `INSERT INTO answer (run_id, subject, benchmark, item_id, position, prompt_digest, prompt, expected, text, finish,
                           outcome, tokens, seconds)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       ON CONFLICT DO NOTHING`,
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
      ],
    );
  }

  /** Benchmarks of a run with how many of a model's answers there are, and how many could not even be asked. */
  async counts(runId: string, subject: Subject): Promise<z.infer<typeof counts>> {
    return counts.parse(
      await this.dataSource.query<unknown>(
        `SELECT benchmark, count(*) AS answers, count(*) FILTER (WHERE finish = 'too_long') AS "tooLong"
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

/** How an answer ended, as one value: null where there is none. */
function endOf(subject: Subject): string {
  const members = ['finish', 'tokens', 'seconds'].map((name) => `'${name}', ${subject}.${name}`);
  return `CASE WHEN ${subject}.finish IS NOT NULL THEN json_build_object(${members.join(', ')}) END`;
}

/** PostgreSQL's text cannot hold the character NUL, which a model may write. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '\ufffd');
}
