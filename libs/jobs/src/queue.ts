import { randomUUID } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
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
}

const inserted = z.array(z.object({ id: z.string() }));

/** Puts jobs into the table and takes runs out of it; always within the caller's transaction. */
export class JobQueue {
  /**
   * Adds a job that is ready at once.
   *
   * @returns false when the run already has a job of that kind, or was cancelled before
   */
  async add(tx: EntityManager, job: NewJob): Promise<boolean> {
    await holdRun(tx, job.runId);
    const rows = inserted.parse(
      await tx.query<unknown>(
        `INSERT INTO job (id, run_id, kind, input, causation_id, max_attempts)
         SELECT $1::uuid, $2::text, $3::text, $4::jsonb, $5::text, $6::int
          WHERE NOT EXISTS (SELECT FROM cancelled_run WHERE run_id = $2::text)
         ON CONFLICT (run_id, kind) DO NOTHING
         RETURNING id`,
        [randomUUID(), job.runId, job.kind, JSON.stringify(job.input), job.causationId ?? null, job.maxAttempts ?? 5],
      ),
    );
    return rows.length === 1;
  }

  /**
   * Cancels what is ready or running for a run, and refuses jobs that come later: the word that a run is over may
   * overtake the event that would start its next job.
   *
   * @returns how many jobs were cancelled
   */
  async cancelRun(tx: EntityManager, runId: string): Promise<number> {
    await holdRun(tx, runId);
    await tx.query('INSERT INTO cancelled_run (run_id) VALUES ($1) ON CONFLICT DO NOTHING', [runId]);
    const cancelled = countOf(
      await tx.query<unknown>(
        `UPDATE job SET state = 'cancelled', finished_at = now(), lease_owner = NULL, lease_until = NULL
          WHERE run_id = $1 AND state IN ('ready', 'running')`,
        [runId],
      ),
    );
    if (cancelled > 0) await tx.query(`SELECT pg_notify('anneal_job_' || current_schema(), 'cancelled')`);
    return cancelled;
  }
}

// Without the lock, a job and the cancellation of its run could be written at the same time and miss each other.
async function holdRun(tx: EntityManager, runId: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ':run:' || $1::text, 0))`, [runId]);
}
