import { failureDetail, hyperparameters, runState, stageView, trainingPlan } from '@anneal/contracts';
import { z } from 'zod';
import { absent, bigint, instant } from '../../database/columns.js';

/** A job with what is needed of its run. */
export const jobRow = z.object({
  id: z.string(),
  place: bigint,
  project: z.string(),
  model: z.string(),
  tuned_model: z.string(),
  training_file: z.string(),
  validation_file: absent(z.string()),
  hyperparameters,
  metadata: z.record(z.string(), z.string()),
  seed: z.int(),
  result_file: absent(z.string()),
  created_at: instant,
  state: runState,
  finished_at: absent(instant),
  failure: absent(failureDetail),
  published_to: absent(z.string()),
  withheld_by: absent(z.string()),
  verdict_reason: absent(z.string()),
  plan: absent(trainingPlan),
  trained_tokens: absent(bigint),
  stages: z.array(z.object({ stage: stageView.shape.stage, state: stageView.shape.state, progress: z.unknown() })),
});
export type JobRow = z.infer<typeof jobRow>;
