import { z } from 'zod';
import { failureDetail } from './failure.js';

const attemptShape = {
  work: z.string().describe('The kind of work; a stage may have several, each with attempts of its own.'),
  claim: z.int().min(1).describe('Rises with every try of this work, also where the number begins anew.'),
  number: z.int().min(1).describe('Counted from 1, and anew when the run is retried.'),
  startedAt: z.iso.datetime(),
};

/** A try that begins. */
export const begunAttempt = z.object(attemptShape).meta({ id: 'BegunAttempt' });
export type BegunAttempt = z.infer<typeof begunAttempt>;

/** A try that ended by itself. */
export const endedAttempt = z
  .object({
    ...attemptShape,
    state: z.enum(['succeeded', 'failed']),
    finishedAt: z.iso.datetime(),
    failure: failureDetail.optional(),
    nextTryAt: z.iso.datetime().optional().describe('Set when a failed try is followed by another one.'),
  })
  .meta({ id: 'EndedAttempt' });
export type EndedAttempt = z.infer<typeof endedAttempt>;

/** A try of a stage's work as the gateway knows it. */
export const attemptView = endedAttempt
  .extend({
    state: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
    finishedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'AttemptView' });
export type AttemptView = z.infer<typeof attemptView>;
