import type { AcceptedRunSpec, TokenReport } from '@anneal/contracts';
import type { NumberList } from '../preparation/number.list.js';

/** What of a request decides how many steps come out. */
export type StepsOf = Pick<
  AcceptedRunSpec['training'],
  'epochs' | 'maxSteps' | 'microBatch' | 'gradientAccumulation' | 'gpus'
>;

interface Counted {
  readonly tokenizer: string;
  readonly tokens: NumberList;
  readonly total: number;
  readonly trained: number;
  readonly pairs: TokenReport['pairs'];
  readonly sequenceLength: number;
  readonly over: number;
  /** Pieces into which plain text is cut; left out where a row is one sequence. */
  readonly sequences: number | undefined;
}

/** Rows of an optimizer step when the request leaves it to the trainer, which takes between 4 and 16. */
const usualBatch = 16;
const smallestBatch = 4;
const updatesPerEpoch = 100;
const firstStep = 64;

/** The counts of all rows to train on, and the steps that follow from them. */
export function tokenReport(counted: Counted, training: StepsOf): TokenReport {
  const { tokenizer, total, trained, pairs, sequenceLength, over, sequences } = counted;
  const sorted = counted.tokens.sorted();
  const rows = sorted.length;
  const percentile = (percent: number): number => sorted[Math.max(0, Math.ceil((percent / 100) * rows) - 1)] ?? 0;
  const batch = batchOf(training, sequences ?? rows);
  const stepsPerEpoch = Math.ceil((sequences ?? rows) / batch);
  const steps = Math.ceil(stepsPerEpoch * training.epochs);
  return {
    tokenizer,
    total,
    trained,
    ...(pairs ? { pairs } : {}),
    mean: Math.round((sorted.reduce((sum, count) => sum + count, 0) / rows) * 10) / 10,
    percentiles: {
      p50: percentile(50),
      p90: percentile(90),
      p95: percentile(95),
      p99: percentile(99),
      max: sorted[rows - 1] ?? 0,
    },
    histogram: histogram(sorted),
    sequenceLength,
    over,
    ...(sequences === undefined ? {} : { sequences }),
    batch,
    stepsPerEpoch,
    steps: Math.min(steps, training.maxSteps ?? steps),
  };
}

function batchOf({ microBatch, gradientAccumulation, gpus }: StepsOf, rows: number): number {
  const processes = Math.max(1, gpus ?? 1);
  if (microBatch !== undefined) return microBatch * (gradientAccumulation ?? 1) * processes;
  const target = 2 ** Math.floor(Math.log2(Math.max(1, rows / updatesPerEpoch)));
  return Math.min(usualBatch, Math.max(smallestBatch, target));
}

/** Steps that double, from 64 tokens to the longest row. */
function histogram(sorted: Uint32Array): TokenReport['histogram'] {
  const steps: TokenReport['histogram'] = [];
  let at = 0;
  for (let upTo = firstStep; at < sorted.length; upTo *= 2) {
    const before = at;
    while (at < sorted.length && (sorted[at] ?? 0) <= upTo) at += 1;
    steps.push({ upTo, rows: at - before });
  }
  return steps;
}
