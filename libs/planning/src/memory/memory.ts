import type { PerGpu, TrainingObjective } from '@anneal/contracts';
import type { Method, Strategy } from '../combinations.js';
import { adapterParameters, type ModelShape } from '../model/model.shape.js';

/** A training as far as its memory depends on it. */
export interface Load {
  readonly method: Method;
  readonly objective: TrainingObjective;
  readonly strategy: Strategy;
  /** 0 is the CPU. */
  readonly gpus: number;
  readonly rank: number;
  readonly sequenceLength: number;
  readonly microBatch: number;
  readonly gradientCheckpointing: boolean;
  readonly optimizer: 'adamw' | 'adamw_8bit' | 'paged_adamw_8bit' | 'adafactor';
  readonly chunkedLoss: boolean;
}

type Parts = Omit<PerGpu, 'total' | 'low' | 'high' | 'available'>;

/**
 * Bytes of a weight in normal float of four bits with double quantisation: 4.127 bits (QLoRA, arXiv 2305.14314,
 * section 3). Embeddings, head and norms stay in bfloat16.
 */
const fourBit = 4.127 / 8;
/** CUDA's own context of a process, and what NCCL takes for its channels. */
const cudaContext = 0.8e9;
const nccl = 0.5e9;
/** Resident memory of Python with everything that Axolotl imports: measured with a model of 135 M parameters. */
const cpuProcess = 1.3e9;
/** Blocks that PyTorch's allocator holds and cannot use. */
const fragmentation = 0.07;
/** No estimate is a number: kernels, versions and the lengths of rows move it by about this much either way. */
const spread = { low: 0.8, high: 1.25 } as const;

/**
 * What a training takes of each GPU (or of the machine). The formulas are those of the papers and programs named
 * beside them; none has been published with its error, so the tests hold the sums against published tables.
 *
 * @param correction measured peaks over estimates, from trainings of this kind
 */
export function memoryPerGpu(model: ModelShape, load: Load, available: number, correction = 1): PerGpu {
  const trained = statesOf(model, load);
  const states = { ...trained, weights: trained.weights + referenceBytes(model, load) };
  const activations = activationsOf(model, load);
  const logits = logitsOf(model, load);
  const overhead = overheadOf(model, load, states.weights + states.gradients + states.optimizer + activations + logits);
  const parts: Parts = { ...states, activations, logits, overhead };
  const corrected = Object.fromEntries(
    Object.entries(parts).map(([name, bytes]) => [name, Math.round(bytes * correction)]),
  ) as unknown as Parts;
  const total = Object.values(corrected).reduce((sum, bytes) => sum + bytes, 0);
  return {
    ...corrected,
    total,
    low: Math.round(total * spread.low),
    high: Math.round(total * spread.high),
    available: Math.round(available),
  };
}

export function trainableParameters(model: ModelShape, { method, rank }: Pick<Load, 'method' | 'rank'>): number {
  return method === 'full' ? model.parameters : adapterParameters(model, rank);
}

function statesOf(model: ModelShape, load: Load): Pick<Parts, 'weights' | 'gradients' | 'optimizer'> {
  const trained = trainableParameters(model, load);
  const frozen = load.method === 'full' ? 0 : frozenBytes(model, load);
  if (load.gpus === 0) return sum(frozen, { weights: 4, gradients: 4, optimizer: momentsOf(load, 4) }, trained);
  const shares = Math.max(1, load.gpus);
  switch (load.strategy) {
    case 'single':
    case 'ddp': {
      // Adapters train in float32; all weights are trained in bfloat16, their Adam states with them (Axolotl loads the
      // model with torch_dtype bfloat16 and keeps no master copy). DDP copies gradients into buckets.
      const width = load.method === 'full' ? 2 : 4;
      const buckets = load.strategy === 'ddp' ? width : 0;
      return sum(frozen, { weights: width, gradients: width + buckets, optimizer: momentsOf(load, width) }, trained);
    }
    case 'fsdp': {
      // Accelerate keeps trained parameters in float32 (utils/fsdp_utils.py, fsdp2_prepare_model).
      const states = { weights: 4, gradients: 4, optimizer: momentsOf(load, 4) };
      return sum(frozen / shares + gathered(model, load), states, trained / shares);
    }
    case 'zero1':
    case 'zero2':
    case 'zero3': {
      // ZeRO, arXiv 1910.02054, section 5: two bytes a weight, gradients, and 12 bytes of optimizer that are shared.
      // Gradients count four, as in DeepSpeed's own estimators (runtime/zero/stage_1_and_2.py).
      const sharesWeights = load.strategy === 'zero3';
      const moments = 4 + momentsOf(load, 4);
      return {
        weights: sharesWeights ? (frozen + 2 * trained) / shares + gathered(model, load) : frozen + 2 * trained,
        gradients: (4 * trained) / (load.strategy === 'zero1' ? 1 : shares),
        optimizer: (moments * trained) / shares,
      };
    }
  }
}

/**
 * The model that pairs are compared with. With an adapter it is the base without the adapter and takes nothing; else it is
 * a second copy of the weights, frozen. TRL 1.14 (models/utils.py): FSDP wraps it as one unit, which is gathered whole for
 * its forward pass; ZeRO shards it at stage 3 only.
 */
function referenceBytes(model: ModelShape, { objective, method, strategy, gpus }: Load): number {
  if (objective !== 'dpo' || method !== 'full') return 0;
  const whole = (gpus === 0 ? 4 : 2) * model.parameters;
  if (strategy === 'fsdp') return whole + whole / gpus;
  return strategy === 'zero3' ? whole / gpus : whole;
}

function sum(
  frozen: number,
  bytes: { weights: number; gradients: number; optimizer: number },
  trained: number,
): Pick<Parts, 'weights' | 'gradients' | 'optimizer'> {
  return {
    weights: frozen + bytes.weights * trained,
    gradients: bytes.gradients * trained,
    optimizer: bytes.optimizer * trained,
  };
}

function frozenBytes(model: ModelShape, { method, gpus }: Load): number {
  if (gpus === 0) return 4 * model.parameters;
  if (method !== 'qlora') return 2 * model.parameters;
  return fourBit * model.quantisable + 2 * (model.parameters - model.quantisable);
}

/** Bytes of Adam's two moments for each trained parameter of the given width. */
function momentsOf({ optimizer }: Load, width: number): number {
  if (optimizer === 'adamw') return 2 * width;
  // Adafactor keeps a row and a column in the place of a matrix.
  return optimizer === 'adafactor' ? 0.05 : 2;
}

/** What a sharding strategy gathers in bfloat16: the layer at work, the next one, and what belongs to no layer. */
function gathered(model: ModelShape, { method }: Load): number {
  const layer = model.linearParameters / model.layers;
  const width = method === 'qlora' && model.quantisable === model.linearParameters ? fourBit : 2;
  return 2 * width * layer + 2 * (model.parameters - model.linearParameters);
}

/**
 * Activations: s·b·(18h + 6f) bytes a layer with gated feed-forward and attention that keeps no scores (Korthikanti et
 * al., arXiv 2205.05198, without its second term; Megatron-LM, theoretical_memory_usage.py). Checkpointing keeps the
 * input of every layer, and one layer at a time in full.
 */
function activationsOf(model: ModelShape, load: Load): number {
  const { hidden, layers, heads, feedForward } = model;
  const tokens = tokensAtOnce(load);
  const width = load.gpus === 0 ? 2 : 1;
  // Scores in two bytes, their softmax in four, and its result in two.
  const scores = model.family?.attention === 'eager' ? 8 * heads * load.sequenceLength : 0;
  const layer = width * tokens * (18 * hidden + 6 * feedForward + scores);
  return load.gradientCheckpointing ? width * 2 * tokens * hidden * layers + layer : layers * layer;
}

/** A pair is two sequences, which go through the model together. */
function tokensAtOnce({ sequenceLength, microBatch, objective }: Load): number {
  return sequenceLength * microBatch * (objective === 'dpo' ? 2 : 1);
}

/**
 * Logits in bfloat16, once more in float32 for the loss, and their gradient; in chunks only one eighth is widened. Those of
 * the reference are there at the same time, in both widths and without a gradient.
 */
function logitsOf({ vocabulary }: ModelShape, load: Load): number {
  const tokens = tokensAtOnce(load);
  if (load.objective === 'dpo') return tokens * vocabulary * 16;
  if (load.gpus === 0) return tokens * vocabulary * 12;
  return tokens * vocabulary * (load.chunkedLoss ? 5 : 10);
}

function overheadOf(model: ModelShape, load: Load, rest: number): number {
  if (load.gpus === 0) return cpuProcess;
  // Four-bit weights are widened one matrix at a time.
  const largest = Math.max(...model.linears.map(({ inputs, outputs }) => inputs * outputs));
  const widened = load.method === 'qlora' ? 2 * largest : 0;
  return cudaContext + (load.gpus > 1 ? nccl : 0) + widened + fragmentation * rest;
}
