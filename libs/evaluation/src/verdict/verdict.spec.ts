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
const results = (...sets: JudgedPair[][]): BenchmarkResult[] => resultsOf(sets.flat());

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
    expect(judge(results(pairs('held-out', { both: 1, gained: 52, neither: 7 })), 0.05)).toMatchObject({
      verdict: 'improved',
      reason: 'The tuned model is better on held-out, with 53 of 60 right instead of 1 (p = 4.4e-16).',
    });
  });
  it('is regressed when more was lost', () => {
    expect(judge(results(pairs('held-out', { gained: 1, lost: 12 })), 0.05).verdict).toBe('regressed');
  });
  it('is inconclusive at p equal to alpha, and decided just below', () => {
    const six = results(pairs('held-out', { gained: 6 }));
    expect(six[0]?.pValue).toBe(0.03125);
    expect(judge(six, 0.03125).verdict).toBe('inconclusive');
    expect(judge(six, 0.0313).verdict).toBe('improved');
  });
  it('says when nothing could have been shown', () => {
    expect(judge(results(pairs('held-out', { both: 3, gained: 4, neither: 3 })), 0.05).reason).toBe(
      'No difference counts at alpha 0.05: held-out, with 7 of 10 right instead of 3 (p = 0.13), and 4 items that tell the two apart are too few to decide.',
    );
    expect(judge(results(pairs('held-out', { both: 3 })), 0.05).reason).toContain(
      'since both got the same items right',
    );
  });
  it('asks more of each of several benchmarks', () => {
    const clear = pairs('a', { gained: 6 });
    const nothing = pairs('b', { both: 5 });
    expect(judge(results(clear), 0.05).verdict).toBe('improved');
    expect(judge(results(clear, nothing), 0.05)).toMatchObject({ verdict: 'inconclusive', adjusted: [0.0625, 1] });
    expect(judge(results(pairs('a', { gained: 8 }), nothing), 0.05).verdict).toBe('improved');
  });
  it('lets a loss weigh more than a gain', () => {
    const both = results(pairs('a', { gained: 20 }), pairs('b', { lost: 20 }));
    expect(judge(both, 0.05)).toMatchObject({
      verdict: 'regressed',
      reason: expect.stringContaining('worse on b') as string,
    });
  });
});
