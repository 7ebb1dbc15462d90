import type { BenchmarkResult } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../scoring/outcome.js';
import { pairsOf, resultsOf, type JudgedPair } from './results.js';
import { judge } from './verdict.js';

/** Pairs of one benchmark, by how many of each kind there are. */
function pairs(
  benchmark: string,
  counts: { both?: number; gained?: number; lost?: number; neither?: number },
): JudgedPair[] {
  const many = (count: number | undefined, base: Outcome, tuned: Outcome): JudgedPair[] =>
    Array.from({ length: count ?? 0 }, () => ({ benchmark, base, tuned }));
  return [
    ...many(counts.both, 'correct', 'correct'),
    ...many(counts.gained, 'wrong', 'correct'),
    ...many(counts.lost, 'correct', 'unparsed'),
    ...many(counts.neither, 'unparsed', 'wrong'),
  ];
}
const results = (...sets: JudgedPair[][]): BenchmarkResult[] => resultsOf(sets.flat(), 0.05);
const policy = (alpha = 0.05, minimumEffect = 0) => ({ alpha, minimumEffect });

describe('results', () => {
  it('count sides, gains and losses, and an unparsed answer as not right', () => {
    const [result] = results(pairs('held-out', { both: 1, gained: 6, lost: 1, neither: 2 }));
    expect(result).toEqual({
      benchmark: 'held-out',
      items: 10,
      base: { correct: 2, wrong: 6, unparsed: 2, accuracy: 0.2 },
      tuned: { correct: 7, wrong: 2, unparsed: 1, accuracy: 0.7 },
      difference: 0.5,
      gained: 6,
      lost: 1,
      pValue: 0.125,
      interval: [0.1, 0.9],
      minimumDetectable: expect.closeTo(0.6566, 4) as number,
    });
  });
  it('are refused when the two were not asked the same', () => {
    const pair = {
      benchmark: 'own-set',
      itemId: 'x',
      prompt: 'p',
      expected: 'e',
      sameQuestion: true,
      baseText: 'e',
      baseOutcome: 'correct' as const,
      tunedText: 'e',
      tunedOutcome: 'correct' as const,
    };
    expect(pairsOf([pair])).toHaveLength(1);
    for (const other of [{ sameQuestion: false }, { tunedOutcome: null }, { baseOutcome: null, sameQuestion: null }]) {
      expect(() => pairsOf([{ ...pair, ...other }])).toThrow('Item x of own-set is not the same for base and tuned.');
    }
  });
});

describe('verdict', () => {
  it('is improved when more was gained than chance gives', () => {
    expect(judge(results(pairs('held-out', { both: 1, gained: 52, neither: 7 })), policy())).toMatchObject({
      verdict: 'improved',
      reason: 'The tuned model is better on held-out, with 53 of 60 right instead of 1 (p = 4.4e-16).',
    });
  });
  it('is regressed when more was lost', () => {
    expect(judge(results(pairs('held-out', { gained: 1, lost: 12 })), policy()).verdict).toBe('regressed');
  });
  it('is inconclusive at p equal to alpha, and decided just below', () => {
    const six = results(pairs('held-out', { gained: 6 }));
    expect(six[0]?.pValue).toBe(0.03125);
    expect(judge(six, policy(0.03125)).verdict).toBe('inconclusive');
    expect(judge(six, policy(0.0313)).verdict).toBe('improved');
  });
  it('says when nothing could have been shown', () => {
    expect(judge(results(pairs('held-out', { both: 3, gained: 4, neither: 3 })), policy()).reason).toBe(
      'No difference counts at alpha 0.05: held-out, with 7 of 10 right instead of 3 (p = 0.13), and 4 items that tell the two apart are too few to decide.',
    );
    expect(judge(results(pairs('held-out', { both: 3 })), policy()).reason).toContain(
      'since both got the same items right',
    );
  });
  it('asks more of each of several benchmarks', () => {
    const clear = pairs('a', { gained: 6 });
    const nothing = pairs('b', { both: 5 });
    expect(judge(results(clear), policy()).verdict).toBe('improved');
    expect(judge(results(clear, nothing), policy())).toMatchObject({ verdict: 'inconclusive', adjusted: [0.0625, 1] });
    expect(judge(results(pairs('a', { gained: 8 }), nothing), policy()).verdict).toBe('improved');
  });
  it('lets a loss weigh more than a gain', () => {
    const both = results(pairs('a', { gained: 20 }), pairs('b', { lost: 20 }));
    expect(judge(both, policy())).toMatchObject({
      verdict: 'regressed',
      reason: expect.stringContaining('worse on b') as string,
    });
  });

  describe('with guards', () => {
    const target = pairs('target', { both: 100, gained: 40, neither: 60 });
    const guarded = (counts: Parameters<typeof pairs>[1], margin?: number): BenchmarkResult[] =>
      results(target, pairs('manners', counts)).map((result) =>
        result.benchmark === 'manners'
          ? { ...result, guard: true, ...(margin === undefined ? {} : { margin }) }
          : result,
      );

    it('is regressed when a guard loses, however much is gained elsewhere', () => {
      expect(judge(guarded({ both: 50, lost: 8 }), policy())).toMatchObject({
        verdict: 'regressed',
        rule: 'guard-lost',
        reason:
          'A guard was lost: the tuned model is worse on manners, with 50 of 58 right instead of 58 (p = 0.0078).',
      });
    });
    it('takes no gain of a guard for an improvement', () => {
      const only = results(pairs('target', { both: 9 }), pairs('manners', { gained: 30 }));
      const [first, guard] = only;
      if (!first || !guard) throw new Error('two results are needed');
      expect(judge([first, { ...guard, guard: true }], policy()).verdict).toBe('inconclusive');
    });
    it('does not correct the p-value of a guard, nor the others for it', () => {
      expect(judge(guarded({ both: 60, lost: 6 }), policy())).toMatchObject({
        rule: 'guard-lost',
        adjusted: [expect.any(Number), 0.03125],
      });
    });
    it('puts up with a loss within the margin, once the interval has no larger one', () => {
      // 8 of 1000 lost: the items leave a loss of 1.6 points open.
      expect(judge(guarded({ both: 992, lost: 8 }, 0.02), policy())).toMatchObject({
        verdict: 'improved',
        rule: 'gain',
      });
      expect(judge(guarded({ both: 992, lost: 8 }, 0.005), policy())).toMatchObject({ rule: 'guard-lost' });
    });
    it('is inconclusive while the interval reaches beyond the margin', () => {
      expect(judge(guarded({ both: 40, gained: 3, lost: 3, neither: 4 }, 0.02), policy())).toMatchObject({
        verdict: 'inconclusive',
        rule: 'guard-open',
        reason: 'The guard manners may lose 2 points, and a loss of up to 11.4 points cannot be ruled out.',
      });
    });
  });

  it('asks a guard for enough items, even when none of them was lost', () => {
    const kept = (items: number) =>
      judge(
        results(pairs('target', { gained: 40 }), pairs('manners', { both: items })).map((result) =>
          result.benchmark === 'manners' ? { ...result, guard: true, margin: 0.02 } : result,
        ),
        policy(),
      ).rule;
    expect([kept(20), kept(180), kept(200)]).toEqual(['guard-open', 'guard-open', 'gain']);
  });
  it('asks for the minimum effect beside a difference that counts', () => {
    const small = results(pairs('a', { both: 900, gained: 12, neither: 88 }));
    expect(judge(small, policy(0.05, 0.01))).toMatchObject({ verdict: 'improved', rule: 'gain' });
    expect(judge(small, policy(0.05, 0.02))).toMatchObject({
      verdict: 'inconclusive',
      rule: 'minimum-effect',
      reason:
        'The tuned model is better on a, with 912 of 1000 right instead of 900 (p = 4.9e-4), but by less than the 2 points that the policy asks for.',
    });
  });
  it('counts a loss whatever its size', () => {
    const small = results(pairs('a', { both: 900, lost: 12, neither: 88 }));
    expect(judge(small, policy(0.05, 0.02))).toMatchObject({ verdict: 'regressed', rule: 'loss' });
  });
});
