import { defaultLearningRates, Failure, type AcceptedRunSpec, type TrainingPlan } from '@anneal/contracts';
import { resolveBatch } from './batch.js';
import { placeTraining } from './placement.js';
import { sequenceLength, usualTokens } from './sequence-length.js';

export interface PlanInput {
  readonly training: AcceptedRunSpec['training'];
  /** Rows to train on. */
  readonly rows: number;
  /** Characters of the longest of them. */
  readonly longestRow: number;
  /** Positions that the model knows. */
  readonly maxPositions: number;
  /** GPUs that this service may use. */
  readonly gpus: number;
  /** Processes of a training on the CPU; one when left out. */
  readonly cpuProcesses?: number;
}

const loraDefaults = { rank: 16, alpha: 32, dropout: 0 } as const;
const mostWarmupSteps = 100;
const mostStepsBetweenCheckpoints = 100;

/**
 * Settles every number of a training, so that what is shown and stored beforehand is what happens.
 *
 * @throws Failure SPEC_UNSUPPORTED with the field at fault
 */
export function resolvePlan({ training, rows, longestRow, maxPositions, gpus, cpuProcesses }: PlanInput): TrainingPlan {
  const placement = placeTraining(training, gpus, cpuProcesses);
  const length = sequenceLength(training.sequenceLength, { longestRow, maxPositions });
  const batch = resolveBatch(training, placement, { rows, tokens: Math.min(length, usualTokens(longestRow)) });
  const all = Math.ceil(Math.ceil(rows / batch.effectiveBatch) * training.epochs);
  const steps = Math.min(all, training.maxSteps ?? all);
  const warmupSteps = resolveWarmup(training, steps);
  const lora = resolveLora(training);
  return {
    method: training.method,
    ...placement,
    steps,
    epochs: training.epochs,
    ...batch,
    sequenceLength: length,
    learningRate: training.learningRate ?? defaultLearningRates[training.method],
    // A constant schedule ignores its warm-up; the one with warm-up has a name of its own.
    scheduler: training.scheduler === 'constant' && warmupSteps > 0 ? 'constant_with_warmup' : training.scheduler,
    warmupSteps,
    checkpointEvery: training.checkpointEvery ?? Math.min(mostStepsBetweenCheckpoints, Math.ceil(steps / 5)),
    precision: placement.device === 'gpu' ? 'bfloat16' : 'float32',
    ...(lora ? { lora } : {}),
    seed: training.seed,
  };
}

function resolveWarmup({ warmupSteps, scheduler }: AcceptedRunSpec['training'], steps: number): number {
  const usual = scheduler === 'constant' ? 0 : Math.min(mostWarmupSteps, Math.floor(steps * 0.03));
  const asked = warmupSteps ?? usual;
  // Axolotl makes two of one.
  return asked === 1 ? 2 : asked;
}

function resolveLora({ method, lora }: AcceptedRunSpec['training']): TrainingPlan['lora'] {
  if (method !== 'full') return { ...loraDefaults, ...lora };
  if (!lora) return undefined;
  throw new Failure(
    'SPEC_UNSUPPORTED',
    'training.lora says something about an adapter, and a full fine-tune has none.',
    {
      remedy: 'Take training.lora out, or set training.method to lora.',
      field: 'training.lora',
    },
  );
}
