import type { OpenaiCheckpoint } from '@anneal/contracts';
import { toSeconds } from '../openai-id.js';
import type { StepRow } from './job.event.table.js';
import type { JobRow } from './job.row.js';
import { statusOf } from './job.view.js';

/** Checkpoints that can be used as models: the last one, which is the published model itself. */
export function checkpointsOf(job: JobRow, steps: readonly StepRow[]): OpenaiCheckpoint[] {
  const last = steps.at(-1);
  const step = job.plan?.steps ?? last?.step;
  if (statusOf(job) !== 'succeeded' || step === undefined || job.finished_at === undefined) return [];
  return [
    {
      id: `ftckpt-${job.id.replace(/^ftjob-/, '')}-${step}`,
      object: 'fine_tuning.job.checkpoint',
      created_at: toSeconds(job.finished_at),
      fine_tuning_job_id: job.id,
      fine_tuned_model_checkpoint: `${job.tuned_model}:ckpt-step-${step}`,
      step_number: step,
      metrics: { step, ...(last ? { train_loss: last.train_loss } : {}) },
    },
  ];
}
