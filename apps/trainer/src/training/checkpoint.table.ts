import { artifactRef, type ArtifactRef } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

const storedCheckpoint = z.object({ step: z.int(), artifact: artifactRef });
export type StoredCheckpoint = z.infer<typeof storedCheckpoint>;

const rows = z.array(storedCheckpoint);
// An UPDATE answers with its rows and their number.
const updated = z.tuple([rows, z.int()]);

/** The table `training_checkpoint`: what any host can go on from. */
@Injectable()
export class CheckpointTable {
  constructor(private readonly dataSource: DataSource) {}

  async newest(runId: string): Promise<StoredCheckpoint | undefined> {
    const found = await this.dataSource.query<unknown>(
      'SELECT step, artifact FROM training_checkpoint WHERE run_id = $1 ORDER BY step DESC LIMIT 1',
      [runId],
    );
    return rows.parse(found)[0];
  }

  /** The newest one, which is kept from now on as long as the training goes on from it. */
  async takeNewest(runId: string): Promise<StoredCheckpoint | undefined> {
    const changed = await this.dataSource.query<unknown>(
      `UPDATE training_checkpoint SET resumed_at = now()
        WHERE run_id = $1 AND step = (SELECT max(step) FROM training_checkpoint WHERE run_id = $1)
       RETURNING step, artifact`,
      [runId],
    );
    return updated.parse(changed)[0][0];
  }

  async insert(tx: EntityManager, runId: string, step: number, artifact: ArtifactRef): Promise<void> {
    await tx.query(
      `INSERT INTO training_checkpoint (run_id, step, artifact) VALUES ($1, $2, $3::jsonb)
       ON CONFLICT (run_id, step) DO UPDATE SET artifact = excluded.artifact, stored_at = now()`,
      [runId, step, JSON.stringify(artifact)],
    );
  }
}
