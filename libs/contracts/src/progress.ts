import { z } from 'zod';
import { begunAttempt } from './attempt.js';
import { stageName } from './event.js';
import { failureDetail } from './failure.js';
import { runId } from './run-spec.js';

/** A job that failed and is tried again by itself. */
export const retryDetail = z
  .object({
    maxAttempts: z.int().min(1),
    nextTryAt: z.iso.datetime(),
    failure: failureDetail.describe('What the last attempt failed with.'),
  })
  .meta({ id: 'RetryDetail' });
export type RetryDetail = z.infer<typeof retryDetail>;

/** Progress is many and cheap: it has a stream of its own, may be lost, and never decides anything. */
export const progress = z
  .object({
    runId,
    stage: stageName,
    at: z.iso.datetime(),
    attempt: z.int().min(1),
    phase: z.string().describe('What is being done, in a few words.'),
    done: z.number().optional(),
    total: z.number().optional(),
    unit: z.enum(['rows', 'steps', 'items', 'bytes']).optional(),
    secondsLeft: z.number().optional(),
    itemsPerSecond: z.number().optional(),
    loss: z.number().optional(),
    learningRate: z.number().optional(),
    tokensPerSecond: z.number().optional(),
    rewardAccuracy: z
      .number()
      .optional()
      .describe('Learning from pairs: share of them whose chosen answer is preferred to the rejected one.'),
    rewardMargin: z.number().optional().describe('Learning from pairs: how much it is preferred, on average.'),
    position: z
      .int()
      .min(1)
      .optional()
      .describe('Place in the queue of a host, counted from 1, while the work waits there.'),
    startsAt: z.iso
      .datetime()
      .optional()
      .describe('When work that waits will probably start; left out when that depends on work whose end nobody knows.'),
    began: begunAttempt.optional().describe('Set in the first word of an attempt.'),
    retry: retryDetail.optional().describe('Set while a failed attempt waits for its next try.'),
  })
  .meta({ id: 'Progress' });
export type Progress = z.infer<typeof progress>;

export function progressSubject(run: string, stage: z.infer<typeof stageName>): string {
  return `anneal.progress.${run}.${stage}`;
}
