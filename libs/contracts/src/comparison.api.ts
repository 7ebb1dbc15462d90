import { z } from 'zod';
import { stageName } from './event.js';
import { runState } from './runs.api.js';
import { benchmarkResult, trainedModel, verdict } from './stage.events.js';

/** A field in which two runs differ; a side that does not have it is absent. */
const difference = z
  .object({
    field: z.string().describe('Dotted.'),
    a: z.unknown().optional(),
    b: z.unknown().optional(),
  })
  .meta({ id: 'Difference' });
export type Difference = z.infer<typeof difference>;

const comparedRun = z
  .object({
    id: z.string(),
    name: z.string(),
    state: runState,
    seconds: z.number().optional().describe('From the request to the end.'),
    verdict: verdict.optional(),
    verdictReason: z.string().optional(),
    publishedTo: z.string().optional(),
    withheldBy: z.string().optional(),
    training: trainedModel.pick({ loss: true, steps: true, seconds: true, tokens: true, resumed: true }).optional(),
  })
  .meta({ id: 'ComparedRun' });
export type ComparedRun = z.infer<typeof comparedRun>;

/** The two tuned models on the very same items. */
const pairedItems = z
  .object({
    items: z.int().min(1),
    bothRight: z.int(),
    onlyARight: z.int(),
    onlyBRight: z.int(),
    noneRight: z.int(),
  })
  .meta({ id: 'PairedItems' });
export type PairedItems = z.infer<typeof pairedItems>;

export const runComparison = z
  .object({
    a: comparedRun,
    b: comparedRun,
    spec: z.array(difference).describe('Of the RunSpecs, but for id and name.'),
    plan: z.array(difference).describe('Of what the trainer settled.'),
    dataset: z.array(difference).describe('Of what the dataset stage found.'),
    stages: z.array(
      z.object({ stage: stageName, a: z.number().optional(), b: z.number().optional() }).describe('Seconds.'),
    ),
    benchmarks: z.array(
      z.object({
        benchmark: z.string(),
        a: benchmarkResult.optional(),
        b: benchmarkResult.optional(),
        paired: pairedItems
          .optional()
          .describe('Where both runs asked the same items; absent also for reports too long to be read at once.'),
      }),
    ),
  })
  .meta({ id: 'RunComparison' });
export type RunComparison = z.infer<typeof runComparison>;

export const comparisonQuery = z.object({
  a: z.string().min(1).max(200).describe('Id of one run.'),
  b: z.string().min(1).max(200).describe('Id of the other run.'),
});
