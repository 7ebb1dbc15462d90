import { defaultBeta, defaultLearningRates, Failure, type AcceptedRunSpec, type TrainingPlan } from '@anneal/contracts';
import { planStrategy, type Strategy } from '../combinations.js';
import type { Hosts } from '../hosts.js';
import { fits, largestThatFits } from '../memory/fit.js';
import { memoryPerGpu, type Load } from '../memory/memory.js';
import type { ModelShape } from '../model/model.shape.js';
import type { Correction } from '../memory/correction.js';
import { resolveBatch, type Batch } from './batch.js';
import { placeTraining, type Placement } from './placement.js';
import { sequenceLength, usualTokens } from './sequence-length.js';

export interface PlanInput {
  readonly training: AcceptedRunSpec['training'];
  /** Rows to train on, or the sequences that they are cut into. */
  readonly rows: number;
  /** Rows above the sequence length are cut into several, which Axolotl counts. */
  readonly isCut?: boolean;
  /** Characters of all of them, and of the longest. */
  readonly characters: { readonly total: number; readonly longest: number };
  /** Positions that the model knows. */
  readonly maxPositions: number;
  readonly hosts: Hosts;
  /** Processes of a training on the CPU, unless a single one is asked for; one when left out. */
  readonly cpuProcesses?: number;
  /** Undefined for a model whose configuration does not say how large it is: then nothing is said about memory. */
  readonly model?: ModelShape | undefined;
  /** Measured peaks over estimates, by strategy. */
  readonly correction?: ((strategy: Strategy) => Correction | undefined) | undefined;
}

export interface ResolvedPlan {
  readonly plan: TrainingPlan;
  /** What its memory was computed of; undefined where the size of the model is not known. */
  readonly load: Load | undefined;
}

const loraDefaults = { rank: 16, alpha: 32, dropout: 0 } as const;
const mostWarmupSteps = 100;
const mostStepsBetweenCheckpoints = 100;
const charactersPerToken = 3;

interface Choice {
  readonly strategy: Strategy;
  readonly batch: Batch;
  readonly load: Load;
}

/**
 * Settles every number of a training, so that what is shown and stored beforehand is what happens.
 *
 * @throws Failure SPEC_UNSUPPORTED with the field at fault
 */
export function resolvePlan(input: PlanInput): ResolvedPlan {
  const { training, characters, maxPositions, hosts, model } = input;
  // Rows whose loss decides about stopping early are not trained on.
  const rows = input.rows - Math.ceil(input.rows * (training.earlyStopping?.share ?? 0));
  const placement = placeTraining(training, hosts.gpus);
  const length = sequenceLength(training.sequenceLength, { longestRow: characters.longest, maxPositions });
  const lora = resolveLora(training);
  const { strategy, batch, load } = choose(input, placement, length, lora?.rank ?? loraDefaults.rank);
  const sequences = training.samplePacking ? packed(rows, characters.total, length) : rows;
  const all = Math.ceil(Math.ceil(sequences / batch.effectiveBatch) * training.epochs);
  const steps = Math.min(all, training.maxSteps ?? all);
  if (steps < 1) throw noSteps();
  const warmupSteps = resolveWarmup(training, steps);
  const onGpu = placement.gpus > 0;
  const processes = processesOf(input, placement);
  const correction = input.correction?.(strategy);
  refuseShardedDora(training, strategy);
  const plan: TrainingPlan = {
    method: training.method,
    ...planStrategy(!onGpu && processes > 1 ? 'ddp' : strategy),
    device: onGpu ? 'gpu' : 'cpu',
    processes,
    steps,
    epochs: training.epochs,
    ...batch,
    sequenceLength: length,
    learningRate: training.learningRate ?? defaultLearningRates[training.objective][training.method],
    // A constant schedule ignores its warm-up; the one with warm-up has a name of its own.
    scheduler: training.scheduler === 'constant' && warmupSteps > 0 ? 'constant_with_warmup' : training.scheduler,
    warmupSteps,
    checkpointEvery: training.checkpointEvery ?? Math.min(mostStepsBetweenCheckpoints, Math.ceil(steps / 5)),
    precision: onGpu ? 'bfloat16' : 'float32',
    ...(lora ? { lora } : {}),
    ...(training.objective === 'dpo' ? { dpo: { beta: training.dpo?.beta ?? defaultBeta } } : {}),
    seed: training.seed,
    optimizer: resolveOptimizer(training, onGpu),
    gradientCheckpointing: load.gradientCheckpointing,
    samplePacking: training.samplePacking,
    ...((training.samplePacking || input.isCut === true) && training.maxSteps === undefined
      ? { stepsEstimated: true }
      : {}),
    ...(training.earlyStopping ? { earlyStopping: training.earlyStopping } : {}),
    ...(training.axolotl ? { axolotl: training.axolotl } : {}),
    ...ofModel(model, strategy),
    ...(model
      ? {
          estimate: {
            bytesPerGpu: memoryPerGpu(model, load, hosts.available, correction?.ratio).total,
            ...(correction ? { measuredRatio: correction.ratio, trainings: correction.trainings } : {}),
          },
        }
      : {}),
  };
  return { plan, load: model ? load : undefined };
}

/** Axolotl 0.21: "CPU-staged NF4 currently requires LoRA without DoRA". */
function refuseShardedDora({ method, axolotl }: AcceptedRunSpec['training'], strategy: Strategy): void {
  if (method !== 'qlora' || strategy !== 'fsdp' || axolotl?.peft_use_dora !== true) return;
  throw new Failure('SPEC_UNSUPPORTED', 'DoRA beside four-bit weights cannot be shared by fsdp.', {
    remedy: 'Leave peft_use_dora out, or set training.strategy to ddp.',
    field: 'training.axolotl.peft_use_dora',
  });
}

/** The first strategy that fits; when none does, the last one, which takes the least memory. */
function choose(input: PlanInput, placement: Placement, length: number, rank: number): Choice {
  const { training, rows, characters, hosts, model, correction } = input;
  const { gpus, strategies } = placement;
  const processes = processesOf(input, placement);
  const usual = training.samplePacking ? length : Math.min(length, usualTokens(characters.longest));
  const tokens = training.objective === 'dpo' ? 2 * usual : usual;
  const choices = strategies.map((strategy): Choice => {
    const load: Load = {
      method: training.method,
      objective: training.objective,
      strategy,
      gpus,
      rank,
      sequenceLength: length,
      microBatch: 1,
      gradientCheckpointing: training.gradientCheckpointing ?? gpus > 0,
      optimizer: training.optimizer,
      chunkedLoss: training.axolotl?.chunked_cross_entropy ?? false,
    };
    const most = model ? largestThatFits(model, load, hosts, correction?.(strategy)?.ratio).microBatch : undefined;
    const batch = resolveBatch(training, gpus, { rows, tokens, processes }, most);
    return { strategy, batch, load: { ...load, microBatch: batch.microBatch } };
  });
  const fitting = choices.find(
    ({ strategy, load }) => !model || fits(model, load, hosts, correction?.(strategy)?.ratio),
  );
  const chosen = fitting ?? choices.at(-1);
  if (!chosen) throw new Error('there is no strategy to choose from');
  return chosen;
}

/** One for each GPU. On the CPU the host says how many. */
function processesOf({ training, cpuProcesses = 1 }: PlanInput, { gpus }: Placement): number {
  if (gpus > 0) return gpus;
  return training.strategy === 'single' ? 1 : cpuProcesses;
}

function ofModel(
  model: ModelShape | undefined,
  strategy: Strategy,
): Pick<TrainingPlan, 'family' | 'attention' | 'wrapClass' | 'warnings'> {
  if (!model) return {};
  const { family, warnings } = model;
  return {
    ...(family ? { family: family.name, attention: family.attention } : {}),
    // Of other models Accelerate shards the layers that Transformers itself says must not be split.
    ...(strategy === 'fsdp' && family ? { wrapClass: family.wrapClass } : {}),
    ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
  };
}

/** Rows share sequences, none of which is quite full. */
function packed(rows: number, characters: number, length: number): number {
  const filled = 0.95;
  const tokens = characters / charactersPerToken + rows * 2;
  return Math.max(1, Math.min(rows, Math.ceil(tokens / (filled * length))));
}

function resolveOptimizer({ optimizer }: AcceptedRunSpec['training'], onGpu: boolean): TrainingPlan['optimizer'] {
  if (onGpu || !optimizer.endsWith('_8bit')) return optimizer;
  throw new Failure('SPEC_UNSUPPORTED', `training.optimizer ${optimizer} needs a GPU.`, {
    remedy: 'Use adamw on the CPU, or give the service a GPU.',
    field: 'training.optimizer',
  });
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

function noSteps(): Failure {
  return new Failure('SPEC_UNSUPPORTED', 'The training would have no step: there is no row to train on.', {
    remedy: 'Give rows to train on, or hold fewer of them out (dataset.heldOut).',
    field: 'dataset',
  });
}
