import type { TrainingObjective, TrainingPlan } from '@anneal/contracts';

export type Method = TrainingPlan['method'];
export const strategies = ['single', 'ddp', 'fsdp', 'zero1', 'zero2', 'zero3'] as const;
export type Strategy = (typeof strategies)[number];
export const methods = ['lora', 'qlora', 'full'] as const satisfies readonly Method[];
/** On what: the CPU, one GPU, or several. */
export const layouts = ['cpu', 'one', 'several'] as const;
export type Layout = (typeof layouts)[number];

export interface Combination {
  readonly exists: boolean;
  /** Why it is there, or why it is not. */
  readonly reason: string;
}

interface Rule extends Combination {
  readonly method?: Method;
  readonly strategies?: readonly Strategy[];
  readonly layout?: Layout;
  readonly objective?: TrainingObjective;
}

const sharing = ['ddp', 'fsdp', 'zero1', 'zero2', 'zero3'] as const;
const yes = (reason: string, when: Omit<Rule, keyof Combination> = {}): Rule => ({ exists: true, reason, ...when });
const no = (reason: string, when: Omit<Rule, keyof Combination> = {}): Rule => ({ exists: false, reason, ...when });

/** Which trainings there are. The first rule that applies decides, so the narrow ones come before the wide ones. */
const rules: readonly Rule[] = [
  no('Axolotl takes no four-bit weights that are shared by FSDP when it learns from pairs; zero2 or ddp does it.', {
    objective: 'dpo',
    method: 'qlora',
    strategies: ['fsdp'],
    layout: 'several',
  }),
  no('Four-bit weights are computed with on GPUs only.', { method: 'qlora', layout: 'cpu' }),
  no('What processes share is chosen on GPUs; on the CPU the service says how many there are.', {
    strategies: sharing,
    layout: 'cpu',
  }),
  yes('On the CPU, in float32.', { strategies: ['single'], layout: 'cpu' }),
  no('A single process uses one GPU; several need a strategy that shares the work.', {
    strategies: ['single'],
    layout: 'several',
  }),
  no('There is nobody to share with; two GPUs or more are needed.', { strategies: sharing, layout: 'one' }),
  yes('One process on one GPU: nothing is shared.', { strategies: ['single'], layout: 'one' }),
  yes('Every GPU holds the whole model; only gradients travel. The simplest that fits.', { strategies: ['ddp'] }),
  yes('Every GPU holds its share of the four-bit weights, of gradients and of the optimizer.', {
    method: 'qlora',
    strategies: ['fsdp'],
  }),
  yes('Every GPU holds its share of weights, gradients and optimizer: the least memory.', { strategies: ['fsdp'] }),
  no('ZeRO-3 would have to shard four-bit weights, which fsdp does here.', { method: 'qlora', strategies: ['zero3'] }),
  yes('The optimizer is shared between the GPUs, the rest is whole on each.', { strategies: ['zero1'] }),
  yes('Optimizer and gradients are shared between the GPUs, the weights are whole on each.', { strategies: ['zero2'] }),
  yes('DeepSpeed shares weights, gradients and optimizer, as fsdp does.', { strategies: ['zero3'] }),
];

/** Whether there is such a training, and why. */
export function combination(
  method: Method,
  strategy: Strategy,
  layout: Layout,
  objective: TrainingObjective = 'sft',
): Combination {
  const rule = rules.find(
    (candidate) =>
      (candidate.objective ?? objective) === objective &&
      (candidate.method ?? method) === method &&
      (candidate.strategies ?? [strategy]).includes(strategy) &&
      (candidate.layout ?? layout) === layout,
  );
  return rule ?? { exists: false, reason: 'Nobody has said that it exists.' };
}

export function layoutOf(gpus: number): Layout {
  if (gpus === 0) return 'cpu';
  return gpus === 1 ? 'one' : 'several';
}

/** What `auto` tries, the cheapest first: sharding costs time, so it comes when the model does not fit otherwise. */
export function automatic(gpus: number): readonly Strategy[] {
  return gpus > 1 ? ['ddp', 'fsdp'] : ['single'];
}

/** The strategy in the words of a plan. */
export function planStrategy(strategy: Strategy): Pick<TrainingPlan, 'strategy' | 'zeroStage'> {
  if (strategy === 'single' || strategy === 'ddp' || strategy === 'fsdp') return { strategy };
  return { strategy: 'deepspeed', zeroStage: Number(strategy.slice('zero'.length)) };
}
