import type { AcceptedRunSpec, TrainingPlan } from '@anneal/contracts';

export type Batch = Pick<TrainingPlan, 'microBatch' | 'gradientAccumulation' | 'effectiveBatch'>;

/** Tokens that a process takes at once unless told otherwise. */
const tokensAtOnce = { cpu: 1024, gpu: 8192 } as const;
/** Fewer updates than this from one pass over the data teach little, so small sets get small batches. */
const updatesPerEpoch = 100;
const smallest = 4;
const largest = 16;

/**
 * Micro batch, accumulation and what they make together over all processes.
 *
 * @param most rows at once that the memory takes
 */
export function resolveBatch(
  training: AcceptedRunSpec['training'],
  gpus: number,
  { rows, tokens, processes = Math.max(1, gpus) }: { rows: number; tokens: number; processes?: number },
  most = Number.POSITIVE_INFINITY,
): Batch {
  const target = Math.min(largest, Math.max(smallest, powerBelow(rows / updatesPerEpoch)));
  const perProcess = powerBelow(target / processes);
  const suits = powerBelow(Math.min(tokensAtOnce[gpus === 0 ? 'cpu' : 'gpu'] / tokens, Math.max(1, most)));
  const accumulated = training.gradientAccumulation ?? 1;
  const microBatch = training.microBatch ?? Math.min(suits, powerBelow(perProcess / accumulated));
  const gradientAccumulation = training.gradientAccumulation ?? Math.max(1, Math.round(perProcess / microBatch));
  return { microBatch, gradientAccumulation, effectiveBatch: microBatch * gradientAccumulation * processes };
}

function powerBelow(value: number): number {
  return value < 1 ? 1 : 2 ** Math.floor(Math.log2(value));
}
