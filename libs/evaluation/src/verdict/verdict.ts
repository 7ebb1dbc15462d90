import type { BenchmarkResult, Verdict } from '@anneal/contracts';
import { holm } from '../statistics/holm.js';
import { mcnemarExact } from '../statistics/mcnemar.js';

export interface Judgement {
  readonly verdict: Verdict;
  /** One sentence with the numbers that decided. */
  readonly reason: string;
  /** The p-values that were held against alpha, in the order of the results: corrected when there are several. */
  readonly adjusted: readonly number[];
}

type Judged = BenchmarkResult & { readonly adjusted: number };

/**
 * The verdict over all benchmarks. A difference counts when its p-value, corrected by Holm for the number of benchmarks,
 * is below alpha. One that counts downwards is a regression, whatever the others say; else one that counts upwards is an
 * improvement; else nothing was shown.
 */
export function judge(results: readonly BenchmarkResult[], alpha: number): Judgement {
  const adjusted = holm(results.map(({ pValue }) => pValue));
  const judged = results.map((result, index): Judged => ({ ...result, adjusted: adjusted[index] ?? 1 }));
  const counting = judged.filter((result) => result.adjusted < alpha);
  const worse = counting.filter(({ difference }) => difference < 0);
  const better = counting.filter(({ difference }) => difference > 0);
  if (worse.length > 0) return { verdict: 'regressed', reason: `The tuned model is worse ${said(worse)}.`, adjusted };
  if (better.length > 0) return { verdict: 'improved', reason: `The tuned model is better ${said(better)}.`, adjusted };
  const reason = `No difference counts at alpha ${alpha}: ${judged.map((result) => compared(result) + tooFew(result, alpha)).join('; ')}.`;
  return { verdict: 'inconclusive', reason, adjusted };
}

function said(results: readonly Judged[]): string {
  return results.map((result) => `on ${compared(result)}`).join(' and ');
}

function compared({ benchmark, items, base, tuned, adjusted }: Judged): string {
  return `${benchmark}, with ${tuned.correct} of ${items} right instead of ${base.correct} (p = ${shortP(adjusted)})`;
}

/** Says so when no outcome whatever could have counted with so few items on which the two differ. */
function tooFew({ gained, lost }: Judged, alpha: number): string {
  const differing = gained + lost;
  if (differing === 0) return ', since both got the same items right';
  return mcnemarExact(differing, 0) >= alpha
    ? `, and ${differing} items that tell the two apart are too few to decide`
    : '';
}

function shortP(p: number): string {
  if (p >= 0.001) return String(Number(p.toPrecision(2)));
  return p < 1e-300 ? '< 1e-300' : p.toExponential(1);
}
