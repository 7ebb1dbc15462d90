import { Failure, type Hyperparameters, type PageQuery } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { jobRow, type JobRow } from './job.row.js';

export interface NewJob {
  readonly id: string;
  readonly project: string;
  readonly model: string;
  readonly tunedModel: string;
  readonly trainingFile: string;
  readonly validationFile: string | undefined;
  readonly hyperparameters: Hyperparameters;
  readonly metadata: Readonly<Record<string, string>>;
  readonly seed: number;
}

const withRun = `
  SELECT job.*, run.state, run.finished_at, run.failure, run.published_to, run.withheld_by, run.verdict_reason, run.plan,
         (run.training ->> 'tokens')::int8 AS trained_tokens,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('stage', stage, 'state', state, 'progress', progress)), '[]')
            FROM stage WHERE run_id = job.id) AS stages
    FROM fine_tuning_job job JOIN run ON run.id = job.id`;
const usable = 'run.published_to IS NOT NULL AND job.result_file IS NOT NULL AND job.model_deleted_at IS NULL';

/** The table `fine_tuning_job`: what a job has beside its run, which has the same id. */
@Injectable()
export class JobTable {
  constructor(private readonly dataSource: DataSource) {}

  async insert(tx: EntityManager, job: NewJob): Promise<void> {
    await tx.query(
      `INSERT INTO fine_tuning_job (id, project, model, tuned_model, training_file, validation_file, hyperparameters,
                                    metadata, seed)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        job.id,
        job.project,
        job.model,
        job.tunedModel,
        job.trainingFile,
        job.validationFile ?? null,
        JSON.stringify(job.hyperparameters),
        JSON.stringify(job.metadata),
        job.seed,
      ],
    );
  }

  /** @throws Failure RUN_NOT_FOUND, also for a job of another project */
  async find(project: string, id: string): Promise<JobRow> {
    const [row] = await this.read('WHERE job.id = $1 AND job.project = $2', [id, project]);
    if (row) return row;
    throw new Failure('RUN_NOT_FOUND', `No such fine-tuning job: ${id}.`, {
      remedy: 'Check the id; GET /v1/fine_tuning/jobs lists the jobs.',
      field: 'fine_tuning_job_id',
    });
  }

  /** Newest first, those with all these pairs in their metadata, or with none for null. @returns one more than the limit if there are more */
  async list(
    project: string,
    { limit, after }: PageQuery,
    metadata: Readonly<Record<string, string>> | null,
  ): Promise<JobRow[]> {
    const last = after === undefined ? undefined : await this.find(project, after);
    return this.read(
      `WHERE job.project = $1 AND (CASE WHEN $2::jsonb IS NULL THEN job.metadata = '{}' ELSE job.metadata @> $2 END)
         AND ($3::bigint IS NULL OR job.place < $3)
       ORDER BY job.place DESC LIMIT $4`,
      [project, metadata && JSON.stringify(metadata), last?.place ?? null, limit + 1],
    );
  }

  /** Jobs whose models can be used. */
  async tuned(project: string): Promise<JobRow[]> {
    return this.read(`WHERE job.project = $1 AND ${usable} ORDER BY job.place DESC LIMIT 10000`, [project]);
  }

  async findTuned(project: string, name: string): Promise<JobRow | undefined> {
    const [row] = await this.read(`WHERE job.project = $1 AND job.tuned_model = $2 AND ${usable}`, [project, name]);
    return row;
  }

  async deleteModel(id: string): Promise<void> {
    await this.dataSource.query('UPDATE fine_tuning_job SET model_deleted_at = now() WHERE id = $1', [id]);
  }

  /** Jobs whose runs did all that was asked, and whose results are not written yet. */
  async withoutResult(): Promise<JobRow[]> {
    return this.read("WHERE run.state = 'succeeded' AND job.result_file IS NULL ORDER BY job.place LIMIT 100", []);
  }

  /** @returns whether this was the first result of the job, and its run has not begun anew meanwhile */
  async hasResult(tx: EntityManager, id: string, file: string): Promise<boolean> {
    const over: unknown[] = await tx.query(`SELECT FROM run WHERE id = $1 AND state = 'succeeded' FOR SHARE`, [id]);
    if (over.length === 0) return false;
    const written: unknown = await tx.query(
      `WITH changed AS (
         UPDATE fine_tuning_job SET result_file = $2 WHERE id = $1 AND result_file IS NULL RETURNING id)
       SELECT id FROM changed`,
      [id, file],
    );
    return Array.isArray(written) && written.length > 0;
  }

  async forgetResult(tx: EntityManager, id: string): Promise<void> {
    await tx.query('UPDATE fine_tuning_job SET result_file = NULL WHERE id = $1', [id]);
  }

  private async read(clause: string, values: unknown[]): Promise<JobRow[]> {
    return z.array(jobRow).parse(await this.dataSource.query<unknown>(`${withRun} ${clause}`, values));
  }
}
