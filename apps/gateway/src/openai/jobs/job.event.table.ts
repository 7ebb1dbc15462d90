import { Failure, type PageQuery } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { bigint, instant } from '../../database/columns.js';
import { newOpenaiId } from '../openai-id.js';

export const jobEventRow = z.object({
  id: z.string(),
  place: bigint,
  level: z.enum(['info', 'warn', 'error']),
  type: z.enum(['message', 'metrics']),
  message: z.string(),
  data: z.record(z.string(), z.unknown()).nullable(),
  created_at: instant,
});
export type JobEventRow = z.infer<typeof jobEventRow>;

export interface NewJobEvent {
  readonly level: JobEventRow['level'];
  readonly message: string;
}

/** One optimizer step of a training. */
export interface StepMetrics {
  readonly jobId: string;
  readonly step: number;
  readonly totalSteps: number | undefined;
  readonly loss: number;
  readonly learningRate: number | undefined;
  /** Of a job that learns from pairs. */
  readonly rewardAccuracy: number | undefined;
  readonly rewardMargin: number | undefined;
}

const stepRow = z.object({
  step: z.int(),
  train_loss: z.number(),
  learning_rate: z.number().nullish(),
  reward_accuracy: z.number().nullish(),
  reward_margin: z.number().nullish(),
});
export type StepRow = z.infer<typeof stepRow>;

/**
 * The table `fine_tuning_event`: what a job has to tell, in the order in which it was written down. Its times are those of
 * the writing, so that they never contradict the order.
 */
@Injectable()
export class JobEventTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Does nothing for a run that is no job. */
  async tell(tx: EntityManager, jobId: string, { level, message }: NewJobEvent): Promise<void> {
    await tx.query(
      `INSERT INTO fine_tuning_event (id, job_id, level, type, message, created_at)
       SELECT $1, id, $3, 'message', $4, clock_timestamp() FROM fine_tuning_job WHERE id = $2`,
      [newOpenaiId('ftevent-'), jobId, level, message],
    );
  }

  /** Steps of runs that are no jobs are passed over, as are those that are there from before a resume. */
  async addSteps(steps: readonly StepMetrics[]): Promise<void> {
    const rows = steps.map(({ jobId, step, totalSteps, loss, learningRate, rewardAccuracy, rewardMargin }) => ({
      id: newOpenaiId('ftevent-'),
      job_id: jobId,
      message: `Step ${step}${totalSteps === undefined ? '' : `/${totalSteps}`}: training loss=${loss.toFixed(4)}`,
      data: {
        step,
        total_steps: totalSteps,
        train_loss: loss,
        learning_rate: learningRate,
        reward_accuracy: rewardAccuracy,
        reward_margin: rewardMargin,
      },
      step,
    }));
    await this.dataSource.query(
      `INSERT INTO fine_tuning_event (id, job_id, level, type, message, data, step, created_at)
       SELECT new.id, new.job_id, 'info', 'metrics', new.message, new.data, new.step, clock_timestamp()
         FROM jsonb_to_recordset($1::jsonb)
              AS new (id text, job_id text, message text, data jsonb, step int)
         JOIN fine_tuning_job ON fine_tuning_job.id = new.job_id
       ON CONFLICT (job_id, step) DO NOTHING`,
      [JSON.stringify(rows)],
    );
  }

  /** The steps of a training that is done anew would stand in the way of the new ones. */
  async forgetSteps(tx: EntityManager, jobId: string): Promise<void> {
    await tx.query('DELETE FROM fine_tuning_event WHERE job_id = $1 AND step IS NOT NULL', [jobId]);
  }

  /** Newest first. @returns one more than the limit if there are more */
  async list(jobId: string, { limit, after }: PageQuery): Promise<JobEventRow[]> {
    const last = after === undefined ? undefined : await this.place(jobId, after);
    return this.read('WHERE job_id = $1 AND ($2::bigint IS NULL OR place < $2) ORDER BY place DESC LIMIT $3', [
      jobId,
      last ?? null,
      limit + 1,
    ]);
  }

  /** In the order of the steps. */
  async steps(jobId: string): Promise<StepRow[]> {
    const rows = await this.read("WHERE job_id = $1 AND type = 'metrics' ORDER BY step", [jobId]);
    return rows.map(({ data }) => stepRow.parse(data));
  }

  private async place(jobId: string, id: string): Promise<number> {
    const [row] = await this.read('WHERE job_id = $1 AND id = $2', [jobId, id]);
    if (row) return row.place;
    throw new Failure('REQUEST_INVALID', `The job has no event ${id}.`, {
      remedy: 'Send the id of the last event of the page before.',
      field: 'after',
    });
  }

  private async read(clause: string, values: unknown[]): Promise<JobEventRow[]> {
    const found: unknown = await this.dataSource.query(`SELECT * FROM fine_tuning_event ${clause}`, values);
    return z.array(jobEventRow).parse(found);
  }
}
