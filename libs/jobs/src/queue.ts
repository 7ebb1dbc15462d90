import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';

export interface NewJob {
  readonly runId: string;
  readonly kind: string;
  /** Plain data; it is stored as JSON. */
  readonly input: unknown;
  /** Id of the event that leads to the job. */
  readonly causationId?: string;
  /** 5 when left out. */
  readonly maxAttempts?: number;
}

/** Where a run is heading: its jobs go on, wait, or are over because it failed or was cancelled. */
export type RunCourse = 'going' | 'paused' | 'failed' | 'cancelled';

const inserted = z.array(z.object({ state: z.string() }));

/** Puts jobs into the table and steers those of a run; always within the caller's transaction. */
export class JobQueue {
  /**
   * Adds a job that is ready at once. For a run that is over it is written down as cancelled: the word that a run is
   * over may overtake the event that would start its next job, and when the run is retried, that job is wanted.
   *
   * @returns false when the run already has a job of that kind, or is over
   */
  async add(tx: EntityManager, job: NewJob): Promise<boolean> {
    await holdRun(tx, job.runId);
    const rows = inserted.parse(
      await tx.query<unknown>(
        `INSERT INTO job (id, run_id, kind, input, causation_id, max_attempts, state, finished_at)
         SELECT $1::uuid, $2::text, $3::text, $4::jsonb, $5::text, $6::int,
                CASE WHEN over THEN 'cancelled' ELSE 'ready' END, CASE WHEN over THEN now() END
           FROM (SELECT EXISTS (
                  SELECT FROM run_course WHERE run_id = $2::text AND course IN ('failed', 'cancelled')
                ) AS over) AS run
         ON CONFLICT (run_id, kind) DO NOTHING
         RETURNING state`,
        [randomUUID(), job.runId, job.kind, JSON.stringify(job.input), job.causationId ?? null, job.maxAttempts ?? 5],
      ),
    );
    return rows[0]?.state === 'ready';
  }

  /**
   * Sets the course of a run and brings its jobs into line: over, they are cancelled; paused, none is claimed and those
   * that run are told to wait; going, what had failed or was cancelled is ready again, with all its attempts.
   *
   * @param turn rises with every word about the run; one that is not newer than the last changes nothing
   * @returns whether it was the newest word
   */
  async steer(
    tx: EntityManager,
    runId: string,
    { course, turn }: { course: RunCourse; turn: number },
  ): Promise<boolean> {
    await holdRun(tx, runId);
    const newest = await tx.query<unknown[]>(
      `INSERT INTO run_course (run_id, course, turn) VALUES ($1, $2, $3)
       ON CONFLICT (run_id) DO UPDATE SET course = EXCLUDED.course, turn = EXCLUDED.turn, changed_at = now()
         WHERE run_course.turn < EXCLUDED.turn
       RETURNING run_id`,
      [runId, course, turn],
    );
    if (newest.length === 0) return false;
    if (course === 'going') {
      await tx.query(
        `UPDATE job SET state = 'ready', attempt = 0, run_at = now(), failure = NULL, finished_at = NULL
          WHERE run_id = $1 AND state IN ('failed', 'cancelled')`,
        [runId],
      );
    } else if (course !== 'paused') {
      await tx.query(
        `UPDATE job SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
          WHERE run_id = $1 AND state IN ('ready', 'running')`,
        [runId],
      );
    }
    await tx.query(`SELECT pg_notify('anneal_job_' || current_schema(), $1)`, [course === 'going' ? 'ready' : course]);
    return true;
  }
}

// Without the lock, a job and the word that its run is over could be written at the same time and miss each other.
async function holdRun(tx: EntityManager, runId: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':run:' || $1::text, 0))`, [runId]);
}
