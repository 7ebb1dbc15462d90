import type { EstimateRequest } from '@anneal/contracts';
import type { Correction, ModelShape } from '@anneal/planning';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';

/** What older plans were corrected by is out of date. */
const newest = 200;
const rows = z.array(
  z.object({ strategy: z.string(), stage: z.int().nullable(), ratio: z.number(), trainings: z.int() }),
);

/**
 * What the trainer corrected its own estimates by, as the newest plans of runs say: it measures how much trainings
 * really take of a GPU.
 */
@Injectable()
export class MeasuredPlans {
  constructor(private readonly dataSource: DataSource) {}

  /** By strategy, in the words of an estimate. */
  async corrections(
    model: ModelShape,
    { method, objective }: Pick<EstimateRequest, 'method' | 'objective'>,
  ): Promise<Map<string, Correction>> {
    if (!model.family) return new Map();
    const found = await this.dataSource.query<unknown>(
      `SELECT DISTINCT ON (strategy, stage) plan->>'strategy' AS strategy, (plan->>'zeroStage')::int AS stage,
              (plan->'estimate'->>'measuredRatio')::float8 AS ratio,
              coalesce((plan->'estimate'->>'trainings')::int, 1) AS trainings
         FROM (SELECT plan, created_at FROM run ORDER BY created_at DESC, id DESC LIMIT $3) AS recent
        WHERE plan->>'family' = $1 AND plan->>'method' = $2 AND (plan ? 'dpo') = $4 AND plan->'estimate' ? 'measuredRatio'
        ORDER BY strategy, stage, created_at DESC`,
      [model.family.name, method, newest, objective === 'dpo'],
    );
    return new Map(
      rows
        .parse(found)
        .map(({ strategy, stage, ...correction }) => [
          strategy === 'deepspeed' ? `zero${stage ?? 2}` : strategy,
          correction,
        ]),
    );
  }
}
