import type { Estimate } from '@anneal/contracts';
import { combination, layoutOf } from '../combinations.js';
import type { Hosts } from '../hosts.js';
import type { ModelShape } from '../model/model.shape.js';
import { memoryPerGpu, type Load } from './memory.js';

const mostRows = 1024;
const lengthStep = 128;
/** Shorter rows are of little use. */
const shortest = 256;
const assumedPositions = 131_072;
const mostGpus = 8;

/** Whether it fits, by the expected figure. */
export function fits(model: ModelShape, load: Load, { available }: Hosts, correction = 1): boolean {
  return memoryPerGpu(model, load, available, correction).total <= available;
}

/** The largest micro batch at this length, and the largest length at this micro batch; 0 where none fits. */
export function largestThatFits(model: ModelShape, load: Load, hosts: Hosts, correction = 1): Estimate['largest'] {
  const positions = model.maxPositions ?? assumedPositions;
  return {
    microBatch: largest(mostRows, (microBatch) => fits(model, { ...load, microBatch }, hosts, correction)),
    sequenceLength:
      lengthStep *
      largest(Math.floor(positions / lengthStep), (steps) =>
        fits(model, { ...load, sequenceLength: steps * lengthStep }, hosts, correction),
      ),
  };
}

/** The largest whole number up to a limit for which something holds that holds for all smaller ones. */
function largest(limit: number, holds: (value: number) => boolean): number {
  let [good, bad] = [0, limit + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (holds(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

interface Change {
  readonly change: string;
  readonly training: Record<string, unknown>;
  readonly load: Partial<Load>;
}

/**
 * Changes that make a training fit, the cheapest first: the ones that cost time come before the ones that change what
 * is learnt. When none does alone, they are added up in that order; then come more GPUs.
 */
export function suggestChanges(model: ModelShape, load: Load, hosts: Hosts, correction = 1): Estimate['suggestions'] {
  if (fits(model, load, hosts, correction)) return [];
  const changes = changesOf(model, load, hosts, correction);
  const suffices = ({ load: changed }: Change): boolean => fits(model, { ...load, ...changed }, hosts, correction);
  // Another method learns something else, so all the others together come before it.
  const same = changes.filter((change) => change.load.method === undefined);
  const other = changes.filter((change) => change.load.method !== undefined && suffices(change));
  const alone = same.filter(suffices);
  const helping = [...(alone.length > 0 ? alone : together(model, load, hosts, same, correction)), ...other];
  const all = helping.length > 0 ? helping : together(model, load, hosts, changes, correction);
  const found = all.length > 0 ? all : moreGpus(model, load, hosts, correction);
  return found.map(({ change, training, load: changed }) => ({
    change,
    training,
    bytesPerGpu: memoryPerGpu(model, { ...load, ...changed }, hosts.available, correction).total,
  }));
}

function changesOf(model: ModelShape, load: Load, hosts: Hosts, correction: number): Change[] {
  const { microBatch, sequenceLength } = largestThatFits(model, load, hosts, correction);
  const smaller = Math.max(1, microBatch);
  const shorter = Math.max(shortest, sequenceLength);
  const exists = (method: Load['method'], strategy: Load['strategy']): boolean =>
    combination(method, strategy, layoutOf(load.gpus), load.objective).exists;
  const methodsBelow = (['lora', 'qlora'] as const).filter(
    (method) => method !== load.method && load.method !== 'qlora' && exists(method, load.strategy),
  );
  const all: (Change | false)[] = [
    load.microBatch > smaller && {
      change: `Take ${smaller} ${smaller === 1 ? 'row' : 'rows'} at once and accumulate gradients; nothing else changes.`,
      training: { microBatch: smaller },
      load: { microBatch: smaller },
    },
    !load.gradientCheckpointing && {
      change: 'Compute activations twice instead of keeping them (about a third slower).',
      training: { gradientCheckpointing: true },
      load: { gradientCheckpointing: true },
    },
    load.gpus > 0 &&
      load.objective === 'sft' &&
      !load.chunkedLoss && {
        change: 'Take the loss in chunks, which spares half of what logits take.',
        training: { axolotl: { chunked_cross_entropy: true } },
        load: { chunkedLoss: true },
      },
    load.gpus > 1 &&
      load.strategy !== 'fsdp' &&
      exists(load.method, 'fsdp') && {
        change: `Share weights, gradients and optimizer between the ${load.gpus} GPUs.`,
        training: { strategy: 'fsdp' },
        load: { strategy: 'fsdp' },
      },
    load.gpus > 0 &&
      load.optimizer === 'adamw' && {
        change: 'Keep the states of the optimizer in 8 bits.',
        training: { optimizer: 'adamw_8bit' },
        load: { optimizer: 'adamw_8bit' },
      },
    load.sequenceLength > shorter && {
      change: `Train on rows of at most ${shorter} tokens.`,
      training: { sequenceLength: shorter },
      load: { sequenceLength: shorter },
    },
    ...methodsBelow.map((method) => ({
      change:
        method === 'lora'
          ? 'Train an adapter instead of all weights.'
          : 'Train an adapter beside weights of four bits.',
      training: { method },
      load: { method },
    })),
  ];
  return all.filter((change) => change !== false);
}

/** The changes one after the other until it fits. */
function together(
  model: ModelShape,
  load: Load,
  hosts: Hosts,
  changes: readonly Change[],
  correction: number,
): Change[] {
  let sum: Change = { change: '', training: {}, load: {} };
  for (const next of changes) {
    const { method, strategy, gpus, objective } = { ...load, ...sum.load, ...next.load };
    if (!combination(method, strategy, layoutOf(gpus), objective).exists) continue;
    sum = {
      change: `${sum.change} ${next.change}`.trim(),
      training: { ...sum.training, ...next.training },
      load: { ...sum.load, ...next.load },
    };
    if (fits(model, { ...load, ...sum.load }, hosts, correction)) return [sum];
  }
  return [];
}

function moreGpus(model: ModelShape, load: Load, hosts: Hosts, correction: number): Change[] {
  if (load.gpus === 0 || !combination(load.method, 'fsdp', 'several', load.objective).exists) return [];
  for (let gpus = load.gpus + 1; gpus <= mostGpus; gpus++) {
    const changed = { gpus, strategy: 'fsdp', microBatch: 1, gradientCheckpointing: true } as const;
    if (!fits(model, { ...load, ...changed }, hosts, correction)) continue;
    const change = `Use ${gpus} GPUs of this size and share weights, gradients and optimizer between them.`;
    return [
      { change, training: { gpus, strategy: 'fsdp', microBatch: 1, gradientCheckpointing: true }, load: changed },
    ];
  }
  return [];
}
