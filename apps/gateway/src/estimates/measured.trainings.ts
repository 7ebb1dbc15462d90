import { measurement, type Measurement } from '@anneal/contracts';
import { measuring } from '@anneal/planning';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';

/** Older runs are of other versions. */
const newestRuns = 1_000;
const rows = z.array(measurement);

/** What trainings really took of a GPU, as the newest runs say: the trainer corrects its own estimates by the same. */
@Injectable()
export class MeasuredTrainings {
  constructor(private readonly dataSource: DataSource) {}

  /** One for each kind of training that was measured. */
  async list(): Promise<Measurement[]> {
    const { newest, leastRatio, mostRatio } = measuring;
    const found = await this.dataSource.query<unknown>(
      // An estimate that was corrected already counts without its correction.
      `WITH measured AS (
         SELECT plan->>'family' AS family, plan->>'method' AS method,
                CASE WHEN plan ? 'dpo' THEN 'dpo' ELSE 'sft' END AS objective,
                CASE plan->>'strategy' WHEN 'deepspeed' THEN 'zero' || coalesce(plan->>'zeroStage', '2')
                                       ELSE plan->>'strategy' END AS strategy,
                (training->>'peakBytesPerGpu')::float8 * coalesce((plan->'estimate'->>'measuredRatio')::float8, 1)
                  / nullif((plan->'estimate'->>'bytesPerGpu')::float8, 0) AS ratio,
                created_at, id
           FROM (SELECT id, created_at, plan, training FROM run ORDER BY created_at DESC, id DESC LIMIT $1) AS recent
          WHERE plan->>'device' = 'gpu' AND plan ? 'family' AND training ? 'peakBytesPerGpu'),
       ranked AS (
         SELECT *, row_number() OVER (PARTITION BY family, method, objective, strategy
                                      ORDER BY created_at DESC, id DESC) AS age
           FROM measured WHERE ratio BETWEEN $2 AND $3)
       SELECT family, method, objective, strategy, avg(ratio)::float8 AS ratio, count(*)::int AS trainings
         FROM ranked WHERE age <= $4
        GROUP BY family, method, objective, strategy ORDER BY family, method, objective, strategy`,
      [newestRuns, leastRatio, mostRatio, newest],
    );
    return rows.parse(found);
  }
}
