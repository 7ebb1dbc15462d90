import { z } from 'zod';
import { pageParameters, unixSeconds } from './openai.api.js';

const orAuto = <Schema extends z.ZodType>(schema: Schema) => z.union([z.literal('auto'), schema]).default('auto');

const wantedHyperparameters = z.strictObject({
  n_epochs: orAuto(z.int().min(1).max(50)),
  batch_size: orAuto(z.int().min(1).max(256)),
  learning_rate_multiplier: orAuto(z.number().positive().max(1000)),
});

const dpoHyperparameters = wantedHyperparameters.extend({ beta: orAuto(z.number().positive().max(2)) });

const metadata = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'metadata has at most 16 pairs');

/**
 * What only Anneal knows, beside the standard fields: sections of a RunSpec, checked with the whole RunSpec later. Clients
 * send it as `extra_body` (Python) or with a cast (TypeScript).
 */
const fragment = z.strictObject({
  dataset: z.record(z.string(), z.unknown()).optional(),
  training: z.record(z.string(), z.unknown()).optional(),
  evaluation: z.record(z.string(), z.unknown()).optional(),
  publish: z.record(z.string(), z.unknown()).optional(),
});
export type RunSpecFragment = z.infer<typeof fragment>;

/** The body of `client.fine_tuning.jobs.create`. */
export const jobBody = z
  .strictObject({
    model: z.string().min(1).max(300),
    training_file: z.string().min(1).max(200),
    validation_file: z.string().min(1).max(200).nullish(),
    suffix: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[\w.-]+$/, 'a suffix has letters, digits, ".", "_" and "-"')
      .nullish(),
    seed: z.int().min(0).max(2_147_483_647).nullish(),
    metadata: metadata.nullish(),
    integrations: z.array(z.unknown()).max(0, 'integrations are not supported yet; leave them out').nullish(),
    hyperparameters: wantedHyperparameters.partial().nullish(),
    method: z
      .strictObject({
        type: z.enum(['supervised', 'dpo'], '"supervised" and "dpo" are the methods that are supported'),
        supervised: z.strictObject({ hyperparameters: wantedHyperparameters.partial().nullish() }).nullish(),
        dpo: z.strictObject({ hyperparameters: dpoHyperparameters.partial().nullish() }).nullish(),
        reinforcement: z.unknown().optional(),
      })
      .nullish(),
    anneal: fragment.optional(),
  })
  .meta({ id: 'FineTuningJobWish' });
export type JobBody = z.infer<typeof jobBody>;

export const jobListQuery = pageParameters({ limit: 20, most: 1_000 });
export const jobEventListQuery = pageParameters({ limit: 20, most: 10_000 });
export const checkpointListQuery = pageParameters({ limit: 10, most: 1_000 });

/** Every value is a number: what callers left to us is settled when the job is made. */
export const hyperparameters = z.object({
  n_epochs: z.number(),
  batch_size: z.number(),
  learning_rate_multiplier: z.number(),
  beta: z.number().optional().describe('Of a job with the method dpo.'),
});
export type Hyperparameters = z.infer<typeof hyperparameters>;

export const jobStatus = z.enum([
  'validating_files',
  'queued',
  'running',
  'paused',
  'succeeded',
  'failed',
  'cancelled',
]);
export type JobStatus = z.infer<typeof jobStatus>;

/** A job as the official clients know it: the required keys are there even when they are null. */
export const openaiJob = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job'),
    created_at: unixSeconds,
    finished_at: unixSeconds.nullable(),
    estimated_finish: unixSeconds.nullable(),
    status: jobStatus,
    model: z.string(),
    fine_tuned_model: z.string().nullable(),
    organization_id: z.string().describe('The project.'),
    training_file: z.string(),
    validation_file: z.string().nullable(),
    result_files: z.array(z.string()),
    trained_tokens: z.int().nullable(),
    seed: z.int(),
    error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
    hyperparameters,
    method: z.discriminatedUnion('type', [
      z.object({ type: z.literal('supervised'), supervised: z.object({ hyperparameters }) }),
      z.object({ type: z.literal('dpo'), dpo: z.object({ hyperparameters }) }),
    ]),
    integrations: z.array(z.never()),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'FineTuningJob' });
export type OpenaiJob = z.infer<typeof openaiJob>;

export const openaiJobEvent = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.event'),
    created_at: unixSeconds,
    level: z.enum(['info', 'warn', 'error']),
    type: z.enum(['message', 'metrics']),
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'FineTuningJobEvent' });
export type OpenaiJobEvent = z.infer<typeof openaiJobEvent>;

export const openaiCheckpoint = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.checkpoint'),
    created_at: unixSeconds,
    fine_tuning_job_id: z.string(),
    fine_tuned_model_checkpoint: z.string(),
    step_number: z.int(),
    metrics: z.object({ step: z.int(), train_loss: z.number().optional() }),
  })
  .meta({ id: 'FineTuningCheckpoint' });
export type OpenaiCheckpoint = z.infer<typeof openaiCheckpoint>;
