import { z } from 'zod';
import { modelReference, trainingSection } from './run-spec.js';
import { trainingObjective } from './training-objective.js';

const bytes = z.number().min(0).describe('Bytes.');
const { method, objective, strategy, sequenceLength, microBatch, gradientCheckpointing, optimizer } =
  trainingSection.shape;

export const hostsText = z
  .string()
  .max(40)
  .regex(/^(cpu|[1-9]\d{0,2}\s*x\s*\d{1,4}(\.\d{1,2})?\s*(GB|GiB))$/i, 'hosts are cpu, or GPUs as 3x48GB')
  .describe('cpu, or how many GPUs of how much memory each, as 3x48GB.');

/** What to estimate: a model by its reference or by its config.json, and how it would be trained. */
export const estimateRequest = z
  .strictObject({
    model: modelReference.optional(),
    revision: z.string().min(1).max(200).default('main'),
    config: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('What config.json of the model says, in place of model: nothing is fetched.'),
    method,
    objective,
    hosts: hostsText,
    strategy,
    sequenceLength,
    microBatch,
    gradientCheckpointing,
    optimizer,
    rank: z.int().min(1).max(512).default(16).describe('Rank of the adapter.'),
    rows: z.int().min(1).max(1_000_000_000).optional().describe('Rows to train on, for the duration.'),
    tokensPerRow: z.int().min(1).max(1_048_576).optional(),
    epochs: z.number().positive().max(100).default(1),
  })
  .meta({ id: 'EstimateRequest' });
export type EstimateRequest = z.infer<typeof estimateRequest>;

export const perGpu = z
  .object({
    weights: bytes.describe(
      'Of the model and, where it is another one, of the reference that pairs are compared with.',
    ),
    gradients: bytes,
    optimizer: bytes,
    activations: bytes,
    logits: bytes,
    overhead: bytes,
    total: bytes.describe('What is expected, and what the verdict goes by.'),
    low: bytes,
    high: bytes,
    available: bytes,
  })
  .meta({ id: 'PerGpu' });
export type PerGpu = z.infer<typeof perGpu>;

const range = z.object({ low: z.number(), high: z.number() });

const measuredStrategy = z.enum(['single', 'ddp', 'fsdp', 'zero1', 'zero2', 'zero3']);

/** What trainings of one kind really took of a GPU. */
export const measurement = z
  .object({
    family: z.string(),
    method,
    objective: trainingObjective,
    strategy: measuredStrategy,
    ratio: z
      .number()
      .positive()
      .describe('The mean of their peaks, over what had been estimated without a correction.'),
    trainings: z.int().min(1).describe('The newest ones of this kind.'),
  })
  .meta({ id: 'Measurement' });
export type Measurement = z.infer<typeof measurement>;

export const measurementList = z.object({ measurements: z.array(measurement) }).meta({ id: 'MeasurementList' });

/** Whether a training fits, what it takes of each GPU, and how long it may last. */
export const estimate = z
  .object({
    model: z.object({ reference: z.string(), family: z.string(), architecture: z.string() }),
    method,
    objective: trainingObjective,
    strategy: measuredStrategy,
    device: z.enum(['cpu', 'gpu']),
    gpus: z.int(),
    parameters: z.int().min(1),
    parametersFrom: z
      .enum(['weights', 'config', 'inspection'])
      .describe('Counted in the weights, computed from a known kind of model, or guessed for an unknown one.'),
    trainable: z.int().min(1),
    sequenceLength: z.int(),
    microBatch: z.int(),
    gradientCheckpointing: z.boolean(),
    fits: z.boolean(),
    verdict: z.string(),
    perGpu,
    correction: z
      .object({ ratio: z.number(), trainings: z.int() })
      .nullable()
      .describe('Of measured peaks to estimates, from trainings of this kind; it is in perGpu already.'),
    largest: z
      .object({ microBatch: z.int(), sequenceLength: z.int() })
      .describe('The largest micro batch at this length, and the largest length at this micro batch; 0: none fits.'),
    suggestions: z.array(
      z.object({
        change: z.string(),
        training: z.record(z.string(), z.unknown()).describe('The fields of training to set.'),
        bytesPerGpu: bytes,
      }),
    ),
    duration: z.object({
      steps: z.int().nullable(),
      tokens: z.number().nullable(),
      seconds: range.nullable(),
      wattHours: range.nullable(),
      basis: z.string().describe('What the range was taken from, or why there is none.'),
    }),
    ruleOfThumb: z
      .object({ model: bytes, backward: bytes, optimizerStep: bytes })
      .describe('4 bytes a parameter, twice that for the backward pass, four times for the step of the optimizer.'),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'Estimate' });
export type Estimate = z.infer<typeof estimate>;
