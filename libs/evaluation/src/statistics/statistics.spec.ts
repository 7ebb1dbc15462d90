import { describe, expect, it } from 'vitest';
import { holm } from './holm.js';
import { mcnemarExact } from './mcnemar.js';

describe('exact McNemar test', () => {
  // Recorded from exact fractions: 2 * sum(comb(n, k) for k <= min(gained, lost)) / 2 ** n, at most 1.
  it.each([
    [0, 0, 1],
    [1, 0, 1],
    [5, 0, 0.0625],
    [6, 0, 0.03125],
    [0, 6, 0.03125],
    [5, 5, 1],
    [8, 7, 1],
    [10, 3, 0.09228515625],
    [52, 0, 4.440892098500626e-16],
    [54, 1, 3.1086244689504383e-15],
    [121, 59, 4.434449263755176e-6],
    [86, 150, 3.715936139571442e-5],
    [1500, 1400, 0.06598734966518381],
    [3000, 2000, 1.3002310005203771e-45],
  ])('%i gained, %i lost: p = %d', (gained, lost, p) => {
    const computed = mcnemarExact(gained, lost);
    expect(Math.abs(computed - p)).toBeLessThanOrEqual(p * 1e-9);
  });

  it('does not depend on which side is called the first', () => {
    expect(mcnemarExact(17, 4)).toBe(mcnemarExact(4, 17));
  });
});

describe('Holm', () => {
  it('agrees with the textbook: p times the tests that are left, never falling', () => {
    // By hand: 0.01 * 4 = 0.04; 0.02 * 3 = 0.06; 0.03 * 2 = 0.06; 0.04 * 1 is raised to the 0.06 before it.
    const adjusted = holm([0.03, 0.01, 0.04, 0.02]);
    [0.06, 0.04, 0.06, 0.06].forEach((p, index) => expect(adjusted[index]).toBeCloseTo(p, 12));
  });
  it('leaves a single test as it is', () => {
    expect(holm([0.04])).toEqual([0.04]);
    expect(holm([])).toEqual([]);
  });
  it('stays at or below 1', () => {
    expect(holm([0.6, 0.7, 1])).toEqual([1, 1, 1]);
  });
});
