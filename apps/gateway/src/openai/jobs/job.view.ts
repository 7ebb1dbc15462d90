import { progress as progressSchema, type JobStatus, type OpenaiJob, type RunState } from '@anneal/contracts';
import { openaiCode } from '../openai-error.js';
import { toSeconds } from '../openai-id.js';
import type { JobRow } from './job.row.js';

export function toOpenaiJob(job: JobRow): OpenaiJob {
  const status = statusOf(job);
  const { n_epochs, learning_rate_multiplier, beta } = job.hyperparameters;
  // What was asked for, until the trainer has settled what the devices at hand can do.
  const batch_size = job.plan?.effectiveBatch ?? job.hyperparameters.batch_size;
  const hyperparameters = { n_epochs, batch_size, learning_rate_multiplier, ...(beta === undefined ? {} : { beta }) };
  return {
    id: job.id,
    object: 'fine_tuning.job',
    created_at: toSeconds(job.created_at),
    finished_at: isOver(status) && job.finished_at !== undefined ? toSeconds(job.finished_at) : null,
    estimated_finish: status === 'running' ? estimatedFinish(job) : null,
    status,
    model: job.model,
    fine_tuned_model: status === 'succeeded' ? job.tuned_model : null,
    organization_id: job.project,
    training_file: job.training_file,
    validation_file: job.validation_file ?? null,
    result_files: job.result_file === undefined ? [] : [job.result_file],
    trained_tokens: isOver(status) ? (job.trained_tokens ?? null) : null,
    seed: job.seed,
    error: status === 'failed' ? errorOf(job) : null,
    hyperparameters,
    method:
      beta === undefined
        ? { type: 'supervised', supervised: { hyperparameters } }
        : { type: 'dpo', dpo: { hyperparameters } },
    integrations: [],
    metadata: job.metadata,
  };
}

/** A job is over when its results can be fetched, which is a moment after its run. */
export function statusOf(job: JobRow): JobStatus {
  const { state, result_file: result, published_to: published } = job;
  if (state === 'succeeded') return result === undefined ? 'running' : published === undefined ? 'failed' : 'succeeded';
  return state === 'running' ? working(job) : byState[state];
}

const byState = {
  paused: 'paused',
  failed: 'failed',
  cancelled: 'cancelled',
  rejected: 'failed',
} as const satisfies Record<Exclude<RunState, 'running' | 'succeeded'>, JobStatus>;

function working({ stages }: JobRow): JobStatus {
  const stateOf = (name: string): string | undefined => stages.find(({ stage }) => stage === name)?.state;
  if (stateOf('dataset') !== 'succeeded') return 'validating_files';
  return stateOf('trainer') === 'waiting' ? 'queued' : 'running';
}

function isOver(status: JobStatus): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** By the training's own estimate; the stages after it are not in it. */
function estimatedFinish({ stages }: JobRow): number | null {
  const said = progressSchema.safeParse(stages.find(({ stage }) => stage === 'trainer')?.progress);
  if (!said.success || said.data.secondsLeft === undefined) return null;
  return Math.ceil(toSeconds(said.data.at) + said.data.secondsLeft);
}

function errorOf({ failure, withheld_by: rule, verdict_reason: reason }: JobRow): OpenaiJob['error'] {
  if (failure) {
    const { code, message, remedy, field } = failure;
    return { code: openaiCode(code), message: `${message} ${remedy}`, param: field ?? null };
  }
  return {
    code: 'model_withheld',
    message: `The model was not published, by the rule "${rule ?? 'unknown'}": ${reason ?? 'it did not get better.'}`,
    param: null,
  };
}
