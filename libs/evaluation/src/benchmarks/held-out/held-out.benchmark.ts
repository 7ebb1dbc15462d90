import { join } from 'node:path';
import { Failure, type HeldOutBenchmark } from '@anneal/contracts';
import { scoringOf } from '../../scoring/score.js';
import type { Benchmark } from '../benchmark.js';
import { readItemLines } from '../item.lines.js';
import { questionsOf } from '../item.questions.js';

const file = 'held-out.jsonl';

/** The rows that the dataset stage kept back from training. */
export const heldOut: Benchmark<HeldOutBenchmark> = async (spec, { dataset, field }) => {
  if (dataset === undefined) {
    throw new Failure('BENCHMARK_INVALID', 'The held-out rows are asked for before the dataset is prepared.', {
      remedy: 'Request the run again; if it happens again, report it.',
      field,
    });
  }
  const choice = spec.score === 'choice';
  const rows = await readItemLines(join(dataset, file), { name: file, scoring: scoringOf(spec), choice });
  return questionsOf(rows, spec, { field, settings: {} });
};
