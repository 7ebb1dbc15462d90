import { Failure, type BenchmarkResult } from '@anneal/contracts';
import type { Finish } from '../inference/inference.js';
import { groupBy } from '../benchmarks/sample.js';
import type { Outcome } from '../scoring/outcome.js';
import { bootstrapInterval } from '../statistics/bootstrap.js';
import { minimumDetectable } from '../statistics/detectable.js';
import { mcnemarExact } from '../statistics/mcnemar.js';

/** How an answer came about, as far as it is known. */
export interface AnswerEnd {
  readonly finish: Finish;
  readonly tokens: number;
  readonly seconds: number;
}

/** What base and tuned answered to one question; null where one of them was not asked it. */
export interface AnswerPair {
  readonly benchmark: string;
  readonly itemId: string;
  readonly prompt: string;
  readonly expected: string;
  readonly sameQuestion: boolean | null;
  readonly baseText: string | null;
  readonly baseOutcome: Outcome | null;
  readonly baseEnd?: AnswerEnd | null;
  readonly tunedText: string | null;
  readonly tunedOutcome: Outcome | null;
  readonly tunedEnd?: AnswerEnd | null;
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
export function resultsOf(pairs: readonly JudgedPair[], alpha: number): BenchmarkResult[] {
  return [...groupBy(pairs, ({ benchmark }) => benchmark)].map(([label, own]) => resultOf(label, own, alpha));
}

function resultOf(benchmark: string, pairs: readonly JudgedPair[], alpha: number): BenchmarkResult {
  const asked = pairs.filter(wasCompared);
  if (asked.length === 0) throw nothingAsked(benchmark);
  const failed = (which: 'base' | 'tuned'): number => pairs.filter((pair) => pair[which] === 'failed').length;
  const items = asked.length;
  const base = sideOf(
    asked.map((pair) => pair.base),
    failed('base'),
  );
  const tuned = sideOf(
    asked.map((pair) => pair.tuned),
    failed('tuned'),
  );
  const { gained, lost } = countFlips(asked);
  const detectable = minimumDetectable({ items, discordance: (gained + lost) / items, alpha });
  return {
    benchmark,
    items,
    base,
    tuned,
    difference: (tuned.correct - base.correct) / items,
    gained,
    lost,
    pValue: mcnemarExact(gained, lost),
    interval: bootstrapInterval({ gained, lost, items }),
    ...(detectable === undefined ? {} : { minimumDetectable: detectable }),
  };
}

/** Whether both models could be asked. */
export function wasCompared({ base, tuned }: Pick<JudgedPair, 'base' | 'tuned'>): boolean {
  return base !== 'failed' && tuned !== 'failed';
}

/** How many items only one of the two got right. */
export function countFlips(pairs: readonly Pick<JudgedPair, 'base' | 'tuned'>[]): { gained: number; lost: number } {
  return {
    gained: pairs.filter(({ base, tuned }) => tuned === 'correct' && base !== 'correct').length,
    lost: pairs.filter(({ base, tuned }) => base === 'correct' && tuned !== 'correct').length,
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
