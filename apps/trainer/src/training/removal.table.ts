import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

/** How many checkpoints stay in the object store. */
export interface Kept {
  /** Of a training that goes on, beside the one that it went on from last. */
  readonly running: number;
  /** Of one that succeeded or was cancelled. */
  readonly ended: number;
  /** How long the newest one of a failed training stays, from which a retry goes on. */
  readonly failedDays: number;
}

const claimed = z.tuple([z.array(z.object({ digest: z.string() })), z.int()]);
const atOnce = 100;

// In one statement: no row names a checkpoint that may be removed, and none that is dropped is forgotten.
const drop = (doomed: string): string =>
  `WITH doomed AS (${doomed}),
        dropped AS (
          DELETE FROM training_checkpoint AS stored USING doomed
           WHERE stored.run_id = doomed.run_id AND stored.step = doomed.step
          RETURNING stored.run_id, stored.artifact)
   INSERT INTO checkpoint_removal (digest, run_id)
   SELECT DISTINCT ON (artifact->>'digest') artifact->>'digest', run_id FROM dropped
   ON CONFLICT (digest) DO NOTHING`;

const ofRunning = `
  SELECT run_id, step
    FROM (SELECT stored.run_id, step,
                 row_number() OVER (PARTITION BY stored.run_id ORDER BY step DESC) AS place,
                 row_number() OVER (PARTITION BY stored.run_id ORDER BY resumed_at DESC NULLS LAST) = 1
                   AND resumed_at IS NOT NULL AS in_use
            FROM training_checkpoint AS stored
            JOIN job ON job.run_id = stored.run_id AND kind = 'train' AND state IN ('ready', 'running')) AS ranked
   WHERE place > $1 AND NOT in_use`;

// A retry waits for the lock, and then finds the rows that are left.
const ofEnded = `
  SELECT ranked.run_id, step
    FROM (SELECT run_id, step, stored_at, row_number() OVER (PARTITION BY run_id ORDER BY step DESC) AS place
            FROM training_checkpoint) AS ranked
    JOIN (SELECT run_id, state, finished_at FROM job
           WHERE kind = 'train' AND state IN ('succeeded', 'failed', 'cancelled')
             AND run_id IN (SELECT run_id FROM training_checkpoint)
             FOR UPDATE SKIP LOCKED) AS ended ON ended.run_id = ranked.run_id
    LEFT JOIN run_course ON run_course.run_id = ranked.run_id
   WHERE CASE WHEN ended.state = 'succeeded' OR coalesce(course, '') = 'cancelled' THEN place > $1
              ELSE place > 1 OR greatest(finished_at, stored_at) < now() - make_interval(days => $2) END`;

/** The table `checkpoint_removal`: checkpoints that no row names any more, until they are gone from the object store. */
@Injectable()
export class RemovalTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Moves here what need not be kept. */
  async drop({ running, ended, failedDays }: Kept): Promise<void> {
    await this.dataSource.query(drop(ofRunning), [running]);
    await this.dataSource.query(drop(ofEnded), [ended, failedDays]);
  }

  /**
   * Takes some of them for so many seconds; none while somebody else has some, who would count what both have as needed by the
   * other.
   */
  async claim(seconds: number): Promise<string[]> {
    const changed = await this.dataSource.query<unknown>(
      `UPDATE checkpoint_removal SET claimed_until = now() + make_interval(secs => $1)
        WHERE digest IN (
          SELECT digest FROM checkpoint_removal AS waiting
           WHERE NOT EXISTS (SELECT FROM checkpoint_removal WHERE claimed_until > now())
             AND NOT EXISTS (SELECT FROM training_checkpoint WHERE artifact->>'digest' = waiting.digest)
           ORDER BY dropped_at LIMIT ${atOnce}
             FOR UPDATE SKIP LOCKED)
       RETURNING digest`,
      [seconds],
    );
    return claimed.parse(changed)[0].map(({ digest }) => digest);
  }

  async removed(digests: readonly string[]): Promise<void> {
    await this.dataSource.query('DELETE FROM checkpoint_removal WHERE digest = ANY ($1)', [digests]);
  }
}

/** Moves all checkpoints of a run, which begins anew. */
export async function dropCheckpoints(tx: EntityManager, runId: string): Promise<void> {
  await tx.query(drop('SELECT run_id, step FROM training_checkpoint WHERE run_id = $1'), [runId]);
}
