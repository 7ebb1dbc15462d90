import { z } from 'zod';

// JSON has no NaN and no infinity; the plugin writes them as words.
const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);
const step = z.int().min(0);
const envelope = { time: z.number().describe('Seconds since the epoch.'), pid: z.int() };

/** What the reporting plugin writes, one JSON object a line. Fields of later versions are passed over. */
export const engineEvent = z.discriminatedUnion('event', [
  z.object({
    ...envelope,
    event: z.literal('hello'),
    versions: z.record(z.string(), z.string()),
    gpus: z.array(z.string()),
    resumeFrom: z.string().nullish(),
  }),
  z.object({ ...envelope, event: z.literal('modelLoaded'), parameters: z.int(), trainable: z.int() }),
  z.object({
    ...envelope,
    event: z.literal('dataLoaded'),
    trainRows: z.int().optional(),
    evalRows: z.int().optional(),
  }),
  z.object({
    ...envelope,
    event: z.literal('trainBegin'),
    step,
    maxSteps: step,
    epochs: number,
    worldSize: z.int(),
    outputDir: z.string(),
  }),
  z.object({
    ...envelope,
    event: z.literal('log'),
    step,
    loss: number.optional(),
    gradNorm: number.optional(),
    learningRate: number.optional(),
    epoch: number.optional(),
    tokensPerSecondPerGpu: number.optional(),
    trainableTokens: z.int().min(0).optional(),
    rewardAccuracy: number.optional(),
    rewardMargin: number.optional(),
    chosenReward: number.optional(),
    rejectedReward: number.optional(),
    chosenLogProbability: number.optional(),
    rejectedLogProbability: number.optional(),
    memoryAllocatedGib: number.optional(),
    memoryReservedGib: number.optional(),
  }),
  z.object({ ...envelope, event: z.literal('eval'), step, loss: number.optional() }),
  z.object({
    ...envelope,
    event: z.literal('summary'),
    step,
    runtimeSeconds: number.optional(),
    meanLoss: number.optional(),
  }),
  z.object({ ...envelope, event: z.literal('save'), step, checkpoint: z.string(), files: z.int(), bytes: z.int() }),
  z.object({ ...envelope, event: z.literal('stopping'), step }),
  z.object({ ...envelope, event: z.literal('trainEnd'), step, maxSteps: step, stopped: z.boolean() }),
  z.object({ ...envelope, event: z.literal('trained'), outputDir: z.string() }),
  z.object({ ...envelope, event: z.literal('saved'), outputDir: z.string() }),
  z.object({ ...envelope, event: z.literal('done'), stopped: z.boolean() }),
  z.object({ ...envelope, event: z.literal('failed'), error: z.string(), message: z.string() }),
]);
export type EngineEvent = z.infer<typeof engineEvent>;
