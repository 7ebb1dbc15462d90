import type { AcceptedRunSpec, BenchmarkResult, Verdict, VerdictRule } from '@anneal/contracts';
import { holm } from '../statistics/holm.js';
import { mcnemarExact } from '../statistics/mcnemar.js';
import { lowerScoreLimit } from '../statistics/score-limit.js';

export type Policy = AcceptedRunSpec['evaluation']['policy'];

export interface Judgement {
  readonly verdict: Verdict;
  /** Which rule decided. */
  readonly rule: VerdictRule;
  /** One sentence with the numbers that decided. */
  readonly reason: string;
  /** The p-values that were held against alpha, in the order of the results: corrected when there are several. */
  readonly adjusted: readonly number[];
}

type Judged = BenchmarkResult & { readonly adjusted: number };

/**
 * The verdict over all benchmarks, by the first of these rules that holds:
 *
 * 1. a guard lost: it got worse by a difference that counts, and by more than its margin; regressed
 * 2. another benchmark got worse by a difference that counts; regressed
 * 3. a guard with a margin, and its items leave open that more was lost: that it was kept is not shown; inconclusive
 * 4. a benchmark got better by a difference that counts and is at least the minimum effect; improved
 * 5. else inconclusive
 *
 * A difference counts when its p-value is below alpha. Those of the benchmarks that are no guards are corrected by Holm;
 * a guard is not corrected, since a correction would let a loss pass more easily.
 */
export function judge(results: readonly BenchmarkResult[], { alpha, minimumEffect }: Policy): Judgement {
  const judged = withAdjusted(results);
  const adjusted = judged.map((result) => result.adjusted);
  const counting = judged.filter((result) => result.adjusted < alpha);
  const guards = judged.filter(({ guard }) => guard);
  const worse = counting.filter(({ difference }) => difference < 0);
  const better = counting.filter(({ difference, guard }) => difference > 0 && !guard);
  const enough = better.filter(({ difference }) => difference >= minimumEffect);

  const broken = worse.filter(({ guard, difference, margin = 0 }) => guard && difference < -margin);
  if (broken.length > 0)
    return {
      verdict: 'regressed',
      rule: 'guard-lost',
      reason: `A guard was lost: the tuned model is worse ${said(broken)}.`,
      adjusted,
    };
  const lost = worse.filter(({ guard }) => !guard);
  if (lost.length > 0)
    return { verdict: 'regressed', rule: 'loss', reason: `The tuned model is worse ${said(lost)}.`, adjusted };
  const open = guards.filter((guard) => guard.margin !== undefined && lowerScoreLimit(guard) < -guard.margin);
  if (open.length > 0)
    return { verdict: 'inconclusive', rule: 'guard-open', reason: `${open.map(notKept).join('; ')}.`, adjusted };
  if (enough.length > 0)
    return { verdict: 'improved', rule: 'gain', reason: `The tuned model is better ${said(enough)}.`, adjusted };
  if (better.length > 0) {
    const reason = `The tuned model is better ${said(better)}, but by less than the ${points(minimumEffect)} that the policy asks for.`;
    return { verdict: 'inconclusive', rule: 'minimum-effect', reason, adjusted };
  }
  const reason = `No difference counts at alpha ${alpha}: ${judged.map((result) => compared(result) + tooFew(result, alpha)).join('; ')}.`;
  return { verdict: 'inconclusive', rule: 'no-difference', reason, adjusted };
}

function withAdjusted(results: readonly BenchmarkResult[]): Judged[] {
  const corrected = holm(results.filter(({ guard }) => !guard).map(({ pValue }) => pValue)).values();
  return results.map((result) => ({
    ...result,
    adjusted: result.guard ? result.pValue : (corrected.next().value ?? 1),
  }));
}

function said(results: readonly Judged[]): string {
  return results.map((result) => `on ${compared(result)}`).join(' and ');
}

function compared({ benchmark, items, base, tuned, adjusted }: Judged): string {
  return `${benchmark}, with ${tuned.correct} of ${items} right instead of ${base.correct} (p = ${shortP(adjusted)})`;
}

function notKept(guard: Judged): string {
  const most = points(Math.abs(lowerScoreLimit(guard)));
  return `The guard ${guard.benchmark} may lose ${points(guard.margin ?? 0)}, and a loss of up to ${most} cannot be ruled out`;
}

/** A share of the items, as points of accuracy. */
function points(share: number): string {
  const shown = Number((share * 100).toFixed(1));
  return `${shown} ${shown === 1 ? 'point' : 'points'}`;
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
