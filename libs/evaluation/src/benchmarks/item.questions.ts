import { Failure, type HeldOutBenchmark, type OwnSetBenchmark } from '@anneal/contracts';
import { scoringOf } from '../scoring/score.js';
import type { Questions } from './benchmark.js';
import type { ItemRow } from './item.lines.js';
import { stratifiedSample } from './sample.js';

/** Rows of items as a benchmark that is ready to be asked. */
export function questionsOf(
  rows: readonly ItemRow[],
  spec: HeldOutBenchmark | OwnSetBenchmark,
  { field, settings }: { field: string; settings: Questions['settings'] },
): Questions {
  const { score, tolerance, relativeTolerance, ignore, limit, seed, answerTokens } = spec;
  if (score !== 'number' && (tolerance !== undefined || relativeTolerance !== undefined)) {
    throw new Failure('BENCHMARK_INVALID', `A tolerance is for numbers, but answers are scored by "${score}".`, {
      remedy: 'Set score to number, or leave the tolerance out.',
      field: `${field}.score`,
    });
  }
  if (score !== 'lm-eval:exact_match' && ignore !== undefined) {
    throw new Failure('BENCHMARK_INVALID', `Only lm-eval:exact_match can ignore something, not "${score}".`, {
      remedy: 'Set score to lm-eval:exact_match, or leave ignore out.',
      field: `${field}.score`,
    });
  }
  const items = stratifiedSample(
    rows.map(({ item }) => item),
    { limit, seed, idOf: ({ id }) => id, subjectOf: ({ subject }) => subject ?? '' },
  );
  const { score: compare, partial, read } = scoringOf(spec);
  return {
    items,
    answerTokens,
    stop: [],
    score: compare,
    ...(partial ? { partial } : {}),
    ...(read ? { read } : {}),
    ...(items.length < rows.length ? { sampledFrom: rows.length } : {}),
    settings: {
      ...settings,
      score,
      ...(score === 'number' ? { tolerance: tolerance ?? 0, relativeTolerance: relativeTolerance ?? 0 } : {}),
      ...(score === 'lm-eval:exact_match' ? { ignore: ignore ?? [] } : {}),
      answerTokens,
      ...(items.length < rows.length ? { sample: { items: items.length, of: rows.length, seed } } : {}),
    },
  };
}
