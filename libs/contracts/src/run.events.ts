import { z } from 'zod';
import { defineEvent, stageName } from './event.js';
import { failureDetail } from './failure.js';
import { runId, runSpec, specProblem } from './run-spec.js';

/** The one event that people and programs publish by hand: its data is a RunSpec and nothing else. */
export const TrainRequested = defineEvent({
  name: 'TrainRequested',
  subject: 'anneal.train.requested',
  producer: 'gateway',
  consumers: ['gateway', 'dataset', 'evaluator'],
  summary: 'Somebody asks for a model.',
  data: runSpec,
  frontDoor: true,
});

export const RunRejected = defineEvent({
  name: 'RunRejected',
  subject: 'anneal.run.rejected',
  producer: 'gateway',
  consumers: [],
  summary: 'The request cannot become a run.',
  data: z.object({ runId: z.string(), problems: z.array(specProblem).min(1) }),
});

const turn = z
  .int()
  .min(0)
  .default(0)
  .describe('Rises with every word on the course of a run: an older word that arrives late counts for nothing.');
const byWhom = { runId, by: z.string(), reason: z.string().optional() };
const everyStage = ['dataset', 'trainer', 'merger', 'evaluator', 'publisher'] as const;

export const CancelRequested = defineEvent({
  name: 'CancelRequested',
  subject: 'anneal.run.cancel-requested',
  producer: 'gateway',
  consumers: [],
  summary: 'Somebody wants the run to end without a model.',
  data: z.object(byWhom),
});

export const PauseRequested = defineEvent({
  name: 'PauseRequested',
  subject: 'anneal.run.pause-requested',
  producer: 'gateway',
  consumers: everyStage,
  summary: 'Somebody wants the run to wait: a training writes a checkpoint, and no stage begins anything new for it.',
  data: z.object({ ...byWhom, turn }),
});

export const ResumeRequested = defineEvent({
  name: 'ResumeRequested',
  subject: 'anneal.run.resume-requested',
  producer: 'gateway',
  consumers: everyStage,
  summary: 'Somebody wants a paused run to go on.',
  data: z.object({ ...byWhom, turn }),
});

export const RetryRequested = defineEvent({
  name: 'RetryRequested',
  subject: 'anneal.run.retry-requested',
  producer: 'gateway',
  consumers: everyStage,
  summary: 'Somebody wants a run to go on: from its last good stage, or all anew from a stage that is named.',
  data: z.object({
    ...byWhom,
    turn,
    from: stageName
      .optional()
      .describe('This stage works again from the events it had, and those after it from what it says then.'),
  }),
});

const closing = { runId, name: z.string(), seconds: z.number().describe('From the request to this word.') };

export const RunSucceeded = defineEvent({
  name: 'RunSucceeded',
  subject: 'anneal.run.succeeded',
  producer: 'gateway',
  consumers: [],
  summary: 'The run did all that was asked of it.',
  data: z.object({ ...closing, verdict: z.string(), publishedTo: z.string().optional() }),
});

export const RunFailed = defineEvent({
  name: 'RunFailed',
  subject: 'anneal.run.failed',
  producer: 'gateway',
  consumers: everyStage,
  summary: 'A stage failed for good; what still works for this run stops.',
  data: z.object({ ...closing, stage: z.string(), failure: failureDetail, turn }),
});

export const RunCancelled = defineEvent({
  name: 'RunCancelled',
  subject: 'anneal.run.cancelled',
  producer: 'gateway',
  consumers: everyStage,
  summary: 'The run was cancelled; what still works for this run stops.',
  data: z.object({ ...closing, by: z.string(), turn }),
});
