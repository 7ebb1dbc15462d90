import { randomUUID } from 'node:crypto';
import { defaultProject, type StageName } from '@anneal/contracts';
import { carrierOf } from '@anneal/tracing';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { renewalOf, type JobKind } from './job-kinds.js';
import { countOf } from './rows.js';

export interface NewJob {
  readonly runId: string;
  readonly kind: string;
  /** Plain data; it is stored as JSON. */
  readonly input: unknown;
  /** Id of the event that leads to the job. */
  readonly causationId?: string;
  /** 5 when left out. */
  readonly maxAttempts?: number;
  /** Of the event that leads to the job; 0 when left out. */
  readonly turn?: number | undefined;
  /** Of the event that leads to the job; the default one when left out. */
  readonly project?: string | undefined;
}

/** Where a run is heading: its jobs go on, wait, or are over because it failed or was cancelled. */
export type RunCourse = 'going' | 'paused' | 'failed' | 'cancelled';

const begunAnew =
  'attempt = 0, outages = 0, run_at = now(), started_at = NULL, failure = NULL, lease_owner = NULL, lease_until = NULL';
const inserted = z.array(z.object({ state: z.string(), replaced: z.boolean() }));

/** Puts jobs into the table and steers those of a run; always within the caller's transaction. */
export class JobQueue {
  /** @param kinds of this service, for retries from a stage */
  constructor(private readonly kinds: readonly JobKind[] = []) {}

  /**
   * Adds a job that is ready at once. For a run that is over it is written down as cancelled: the word that a run is
   * over may overtake the event that would start its next job, and when the run is retried, that job is wanted. A job that
   * the run has already is begun anew with this input when a later retry leads to it.
   *
   * @returns false when the run already has a job of that kind, or is over
   */
  async add(tx: EntityManager, job: NewJob): Promise<boolean> {
    await holdRun(tx, job.runId);
    const { runId, kind, input, causationId = null, maxAttempts = 5, turn = 0, project = defaultProject } = job;
    const declared = this.kinds.find((known) => known.kind === kind);
    const [row] = inserted.parse(
      await tx.query<unknown>(
        `INSERT INTO job AS known
           (id, run_id, kind, input, causation_id, max_attempts, trace, turn, project, state, finished_at)
         SELECT $1::uuid, $2::text, $3::text, $4::jsonb, $5::text, $6::int, $9::jsonb, greatest($7::int, renewed), $10::text,
                CASE WHEN over THEN 'cancelled' ELSE 'ready' END, CASE WHEN over THEN now() END
           FROM (SELECT coalesce(bool_or(course IN ('failed', 'cancelled')), false) AS over,
                        -- The event of a stage before the one that was to work again may arrive after that word.
                        coalesce(max(renewed_turn) FILTER (WHERE renewed_from = $8::text), 0) AS renewed
                   FROM run_course WHERE run_id = $2::text) AS run
         ON CONFLICT (run_id, kind) DO UPDATE
           SET (input, causation_id, max_attempts, trace, turn, project, state, finished_at)
             = (EXCLUDED.input, EXCLUDED.causation_id, EXCLUDED.max_attempts, EXCLUDED.trace, EXCLUDED.turn, EXCLUDED.project,
                EXCLUDED.state, EXCLUDED.finished_at),
               ${begunAnew}
           WHERE known.turn < $7::int
         RETURNING state, xmax <> 0 AS replaced`,
        [
          ...[randomUUID(), runId, kind, JSON.stringify(input), causationId, maxAttempts, turn],
          ...[declared?.stage ?? null, JSON.stringify(carrierOf()), project],
        ],
      ),
    );
    if (row?.replaced) await declared?.forget?.(tx, runId);
    return row?.state === 'ready';
  }

  /**
   * Sets the course of a run and brings its jobs into line: over, they are cancelled; paused, none is claimed and those
   * that run are told to wait; going, what had failed or was cancelled is ready again, with all its attempts.
   *
   * @param turn rises with every word about the run; one that is not newer than the last changes nothing
   * @param from the stage whose jobs are done again, whatever came of them, and after it those of all later stages
   * @returns whether it was the newest word
   */
  async steer(
    tx: EntityManager,
    runId: string,
    { course, turn, from }: { course: RunCourse; turn: number; from?: StageName | undefined },
  ): Promise<boolean> {
    await holdRun(tx, runId);
    const newest = await tx.query<unknown[]>(
      `INSERT INTO run_course (run_id, course, turn) VALUES ($1, $2, $3)
       ON CONFLICT (run_id) DO UPDATE SET course = EXCLUDED.course, turn = EXCLUDED.turn, changed_at = now()
         WHERE run_course.turn < EXCLUDED.turn
       RETURNING run_id`,
      [runId, course, turn],
    );
    // What it begins anew is begun anew also when a later word came first.
    if (from !== undefined) await this.renew(tx, runId, turn, from);
    if (newest.length === 0) {
      if (from !== undefined) await stopIfOver(tx, runId);
      return false;
    }
    if (course === 'going') {
      await tx.query(
        `UPDATE job SET state = 'ready', attempt = 0, run_at = now(), failure = NULL, finished_at = NULL
          WHERE run_id = $1 AND state IN ('failed', 'cancelled')`,
        [runId],
      );
    }
    await stopIfOver(tx, runId);
    await tx.query(`SELECT pg_notify('anneal_job_' || current_schema(), $1)`, [course === 'going' ? 'ready' : course]);
    return true;
  }

  private async renew(tx: EntityManager, runId: string, turn: number, from: StageName): Promise<void> {
    await tx.query(
      `UPDATE run_course SET renewed_from = $2, renewed_turn = $3
        WHERE run_id = $1 AND coalesce(renewed_turn, 0) < $3`,
      [runId, from, turn],
    );
    for (const declared of this.kinds) {
      const renewal = renewalOf(declared, from);
      // An event of the retry may have overtaken this word; what was begun for it stays.
      const renewed =
        (renewal === 'again' && (await workAgain(tx, runId, declared.kind, turn))) ||
        (renewal === 'outdated' && (await waitForInput(tx, runId, declared.kind, turn)));
      if (renewed) await declared.forget?.(tx, runId);
    }
    // What still works on an older turn hears that its job is no longer its own.
    await tx.query(`SELECT pg_notify('anneal_job_' || current_schema(), 'renewed')`);
  }
}

async function stopIfOver(tx: EntityManager, runId: string): Promise<void> {
  await tx.query(
    `UPDATE job SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
      WHERE run_id = $1 AND state IN ('ready', 'running')
        AND EXISTS (SELECT FROM run_course WHERE run_id = $1 AND course IN ('failed', 'cancelled'))`,
    [runId],
  );
}

async function workAgain(tx: EntityManager, runId: string, kind: string, turn: number): Promise<boolean> {
  const changed = await tx.query<unknown>(
    `UPDATE job SET state = 'ready', turn = $3, finished_at = NULL, ${begunAnew}
      WHERE run_id = $1 AND kind = $2 AND turn < $3 AND state <> 'outdated'`,
    [runId, kind, turn],
  );
  return countOf(changed) > 0;
}

/** Also where there is no such job yet: an event from before the retry may be on its way, and is to start nothing. */
async function waitForInput(tx: EntityManager, runId: string, kind: string, turn: number): Promise<boolean> {
  const changed = await tx.query<unknown[]>(
    `INSERT INTO job AS known (id, run_id, kind, input, max_attempts, turn, state, finished_at)
     VALUES ($1, $2, $3, 'null', 1, $4, 'outdated', now())
     ON CONFLICT (run_id, kind) DO UPDATE
       SET state = 'outdated', turn = EXCLUDED.turn, finished_at = now(), ${begunAnew}
       WHERE known.turn <= EXCLUDED.turn
     RETURNING id`,
    [randomUUID(), runId, kind, turn - 1],
  );
  return changed.length > 0;
}

// Without the lock, a job and the word that its run is over could be written at the same time and miss each other.
async function holdRun(tx: EntityManager, runId: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':run:' || $1::text, 0))`, [runId]);
}
