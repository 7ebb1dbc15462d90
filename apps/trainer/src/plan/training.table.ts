import { artifactRef, TrainingStarted } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

/** What was settled before a training started. Later attempts go by it, whatever the machine has by then. */
export const settledTraining = z.object({
  plan: TrainingStarted.data.shape.plan,
  base: TrainingStarted.data.shape.base,
  planArtifact: artifactRef,
});
export type SettledTraining = z.infer<typeof settledTraining>;

const rows = z.array(settledTraining);
const inserted = z.array(z.object({ run_id: z.string() }));

/** The table `training`: one row for each run whose training was announced. */
@Injectable()
export class TrainingTable {
  constructor(private readonly dataSource: DataSource) {}

  async find(runId: string): Promise<SettledTraining | undefined> {
    const found = await this.dataSource.query<unknown>(
      'SELECT plan, base, plan_artifact AS "planArtifact" FROM training WHERE run_id = $1',
      [runId],
    );
    return rows.parse(found)[0];
  }

  /** Puts another plan in the place of one that could not be carried out. */
  async replace(tx: EntityManager, runId: string, { plan, planArtifact }: SettledTraining): Promise<void> {
    await tx.query('UPDATE training SET plan = $2::jsonb, plan_artifact = $3::jsonb WHERE run_id = $1', [
      runId,
      JSON.stringify(plan),
      JSON.stringify(planArtifact),
    ]);
  }

  /** @returns false when the run had its row before */
  async insert(tx: EntityManager, runId: string, { plan, base, planArtifact }: SettledTraining): Promise<boolean> {
    const written = await tx.query<unknown>(
      `INSERT INTO training (run_id, plan, base, plan_artifact) VALUES ($1, $2::jsonb, $3::jsonb, $4::jsonb)
       ON CONFLICT (run_id) DO NOTHING RETURNING run_id`,
      [runId, JSON.stringify(plan), JSON.stringify(base), JSON.stringify(planArtifact)],
    );
    return inserted.parse(written).length === 1;
  }
}
