import { Failure, type BenchmarkResult } from '@anneal/contracts';
import type { Outcome } from '../scoring/outcome.js';
import { mcnemarExact } from '../statistics/mcnemar.js';

/** What base and tuned answered to one question; null where one of them was not asked it. */
export interface AnswerPair {
  readonly benchmark: string;
  readonly itemId: string;
  readonly prompt: string;
  readonly expected: string;
  readonly sameQuestion: boolean | null;
  readonly baseText: string | null;
  readonly baseOutcome: Outcome | null;
  readonly tunedText: string | null;
  readonly tunedOutcome: Outcome | null;
}

/** A question with both of its outcomes. */
export interface JudgedPair {
  readonly benchmark: string;
  readonly base: Outcome;
  readonly tuned: Outcome;
}

/**
 * Makes sure that both models were asked the same.
 *
 * @throws Failure BENCHMARK_INVALID when a set was changed between the two measurements
 */
export function pairsOf(answers: readonly AnswerPair[]): (JudgedPair & { readonly answers: AnswerPair })[] {
  return answers.map((pair) => {
    const { benchmark, itemId, baseOutcome, tunedOutcome, sameQuestion } = pair;
    if (baseOutcome === null || tunedOutcome === null || sameQuestion !== true) throw changed(benchmark, itemId);
    return { benchmark, base: baseOutcome, tuned: tunedOutcome, answers: pair };
  });
}

/** What is said when a set is not the same for base and tuned. */
export function changed(benchmark: string, itemId: string): Failure {
  return new Failure('BENCHMARK_INVALID', `Item ${itemId} of ${benchmark} is not the same for base and tuned.`, {
    remedy: 'Leave the files of a benchmark as they are while a run goes on, and request the run again.',
  });
}

/**
 * Results by benchmark, in the order in which the benchmarks first occur. An unparsed answer is not right. A question that
 * one of the two could not be asked tells nothing about them: it is no item, and is counted beside them.
 *
 * @throws Failure INFERENCE_UNAVAILABLE when nothing is left of a benchmark
 */
export function resultsOf(pairs: readonly JudgedPair[]): BenchmarkResult[] {
  const labels = [...new Set(pairs.map(({ benchmark }) => benchmark))];
  return labels.map((label) =>
    resultOf(
      label,
      pairs.filter(({ benchmark }) => benchmark === label),
    ),
  );
}

function resultOf(benchmark: string, pairs: readonly JudgedPair[]): BenchmarkResult {
  const asked = pairs.filter((pair) => pair.base !== 'failed' && pair.tuned !== 'failed');
  if (asked.length === 0) throw nothingAsked(benchmark);
  const failed = (which: 'base' | 'tuned'): number => pairs.filter((pair) => pair[which] === 'failed').length;
  const base = sideOf(
    asked.map((pair) => pair.base),
    failed('base'),
  );
  const tuned = sideOf(
    asked.map((pair) => pair.tuned),
    failed('tuned'),
  );
  const gained = asked.filter((pair) => pair.tuned === 'correct' && pair.base !== 'correct').length;
  const lost = asked.filter((pair) => pair.base === 'correct' && pair.tuned !== 'correct').length;
  return {
    benchmark,
    items: asked.length,
    base,
    tuned,
    difference: (tuned.correct - base.correct) / asked.length,
    gained,
    lost,
    pValue: mcnemarExact(gained, lost),
  };
}

function sideOf(outcomes: readonly Outcome[], failed: number): BenchmarkResult['base'] {
  const count = (wanted: Outcome): number => outcomes.filter((outcome) => outcome === wanted).length;
  const correct = count('correct');
  const counts = { correct, wrong: count('wrong'), unparsed: count('unparsed'), accuracy: correct / outcomes.length };
  return failed === 0 ? counts : { ...counts, failed };
}

function nothingAsked(benchmark: string): Failure {
  return new Failure('INFERENCE_UNAVAILABLE', `No question of ${benchmark} was answered by both models.`, {
    remedy: 'Look at the log of the inference server, and request the run again.',
    retryable: false,
  });
}
