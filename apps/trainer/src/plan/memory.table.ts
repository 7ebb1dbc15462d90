import type { TrainingObjective, TrainingPlan } from '@anneal/contracts';
import { measuring, type Correction, type ModelShape, type Strategy } from '@anneal/planning';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';

const rows = z.array(z.object({ strategy: z.string(), ratio: z.number(), trainings: z.int() }));

/** The table `training_memory`: what trainings took of a GPU, over what had been estimated for them. */
@Injectable()
export class MemoryTable {
  constructor(private readonly dataSource: DataSource) {}

  /** The mean of the newest trainings of this kind and family, for each strategy that was measured. */
  async ratios(
    { family, modelType }: ModelShape,
    { method, objective }: { method: TrainingPlan['method']; objective: TrainingObjective },
  ): Promise<Map<string, Correction>> {
    const found = await this.dataSource.query<unknown>(
      `SELECT strategy, avg(peak / estimated)::float8 AS ratio, count(*)::int AS trainings
         FROM (SELECT *, row_number() OVER (PARTITION BY strategy ORDER BY measured_at DESC) AS age
                 FROM training_memory WHERE family = $1 AND method = $2 AND objective = $3) AS measured
        WHERE age <= $4 GROUP BY strategy`,
      [family?.name ?? modelType, method, objective, measuring.newest],
    );
    return new Map(rows.parse(found).map(({ strategy, ...measured }) => [strategy, measured]));
  }

  /** Notes the peak of a training on GPUs; an estimate that was corrected already counts without its correction. */
  async note(tx: EntityManager, runId: string, plan: TrainingPlan, peakBytes: number): Promise<void> {
    if (plan.device !== 'gpu' || !plan.estimate || plan.family === undefined) return;
    const estimated = plan.estimate.bytesPerGpu / (plan.estimate.measuredRatio ?? 1);
    const ratio = peakBytes / estimated;
    if (ratio < measuring.leastRatio || ratio > measuring.mostRatio) return;
    await tx.query(
      `INSERT INTO training_memory (run_id, family, method, objective, strategy, peak, estimated)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (run_id) DO NOTHING`,
      [runId, plan.family, plan.method, plan.dpo ? 'dpo' : 'sft', strategyOf(plan), peakBytes, estimated],
    );
  }
}

function strategyOf({ strategy, zeroStage = 2 }: TrainingPlan): Strategy {
  return strategy === 'deepspeed' ? (`zero${zeroStage}` as Strategy) : strategy;
}
