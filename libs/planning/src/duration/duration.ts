import type { Estimate } from '@anneal/contracts';
import type { Hosts } from '../hosts.js';
import type { Load } from '../memory/memory.js';
import type { ModelShape } from '../model/model.shape.js';

interface Throughput {
  /** From this memory on, in GB. */
  readonly fromGigabytes: number;
  /** Floating point operations a second that go into the model, of one GPU or of the CPU. */
  readonly operations: { readonly low: number; readonly high: number };
  /** Of one GPU or of the machine, while it trains. */
  readonly watts: { readonly low: number; readonly high: number };
  readonly basis: string;
}

/**
 * Measured with SmolLM2-135M, LoRA, four rows of about 125 tokens a step, Axolotl 0.21 on one and two cores of an AMD
 * EPYC: 4.6 s to 12.8 s a step, which is 39 to 109 tokens a second. The high end allows for more cores.
 */
const cpu: Throughput = {
  fromGigabytes: 0,
  operations: { low: 2.1e10, high: 2.4e11 },
  watts: { low: 20, high: 200 },
  basis: 'Trainings of SmolLM2-135M on one and two cores, at 39 to 109 tokens a second; more cores may be faster.',
};

// No GPU was at hand to measure on. Between a fiftieth and under a half of the peak is what published trainings reach:
// short rows without packing are near the low end (the reference run took 2.8 h for 49,600 short rows on three cards of
// 48 GB), long packed ones near the high end. Peaks in bfloat16, dense, and watts: NVIDIA's data sheets.
const published =
  'No measured training on such a GPU is known; the range is 2 to 45 % of the peak of GPUs of this memory.';
const gpus: readonly Throughput[] = [
  { fromGigabytes: 100, operations: range(989e12, 989e12), watts: { low: 350, high: 700 }, basis: published },
  { fromGigabytes: 60, operations: range(312e12, 989e12), watts: { low: 200, high: 700 }, basis: published },
  { fromGigabytes: 40, operations: range(150e12, 362e12), watts: { low: 150, high: 350 }, basis: published },
  { fromGigabytes: 20, operations: range(71e12, 165e12), watts: { low: 70, high: 450 }, basis: published },
  { fromGigabytes: 0, operations: range(20e12, 120e12), watts: { low: 50, high: 350 }, basis: published },
];

function range(slowest: number, fastest: number): { low: number; high: number } {
  return { low: slowest * 0.02, high: fastest * 0.45 };
}

/** How much there is to train on. */
export interface Amount {
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
}

/** How long a training may last and what energy it may take: a wide range, and what it was taken from. */
export function durationOf(model: ModelShape, load: Load, hosts: Hosts, amount: Amount): Estimate['duration'] {
  const known = { steps: amount.steps ?? null, tokens: amount.tokens ?? null };
  if (amount.tokens === undefined) {
    const basis = 'Unknown: it is not known how many rows there are, or how long they are.';
    return { ...known, seconds: null, wattHours: null, basis };
  }
  const throughput =
    hosts.gpus === 0 ? cpu : (gpus.find(({ fromGigabytes }) => hosts.memory / 1e9 >= fromGigabytes) ?? cpu);
  const operations = amount.tokens * operationsPerToken(model, load);
  const processes = Math.max(1, load.gpus);
  const seconds = {
    low: operations / throughput.operations.high / processes,
    high: operations / throughput.operations.low / processes,
  };
  const wattHours = {
    low: (seconds.low * processes * throughput.watts.low) / 3600,
    high: (seconds.high * processes * throughput.watts.high) / 3600,
  };
  return {
    ...known,
    seconds: { low: Math.round(seconds.low), high: Math.ceil(seconds.high) },
    wattHours: { low: round(wattHours.low), high: round(wattHours.high) },
    basis: throughput.basis,
  };
}

/**
 * Two operations a parameter forward, two for the gradients of activations, two for those of trained weights; two more for
 * the reference that pairs are compared with.
 */
function operationsPerToken(model: ModelShape, { method, gradientCheckpointing, objective }: Load): number {
  const reference = objective === 'dpo' ? 2 : 0;
  return model.parameters * ((method === 'full' ? 6 : 4) + (gradientCheckpointing ? 2 : 0) + reference);
}

const round = (value: number): number => Number(value.toPrecision(2));
