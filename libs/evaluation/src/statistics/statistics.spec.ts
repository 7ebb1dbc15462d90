import { describe, expect, it } from 'vitest';
import { bootstrapInterval } from './bootstrap.js';
import { minimumDetectable } from './detectable.js';
import { holm } from './holm.js';
import { mcnemarExact } from './mcnemar.js';
import { normalQuantile } from './normal-quantile.js';
import { lowerScoreLimit } from './score-limit.js';

describe('exact McNemar test', () => {
  // Recorded from exact fractions: 2 * sum(comb(n, k) for k <= min(gained, lost)) / 2 ** n, at most 1.
  // SciPy 1.18.1 has the same: binomtest(min(gained, lost), gained + lost, 0.5).pvalue.
  it.each([
    [0, 0, 1],
    [1, 0, 1],
    [5, 0, 0.0625],
    [0, 1, 1],
    [1, 1, 1],
    [6, 0, 0.03125],
    [0, 6, 0.03125],
    [20, 0, 1.9073486328125e-6],
    [5, 5, 1],
    [8, 7, 1],
    [10, 3, 0.09228515625],
    [52, 0, 4.440892098500626e-16],
    [54, 1, 3.1086244689504383e-15],
    [121, 59, 4.434449263755176e-6],
    [287, 110, 2.534635419887114e-19],
    [211, 117, 2.3514123753582763e-7],
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

describe('paired bootstrap', () => {
  // Recorded from SciPy 1.18.1: bootstrap((d,), mean, n_resamples=200000, method='percentile', rng=default_rng(1)), where d
  // has 1 for every item gained, -1 for every one lost, and 0 for the others. It draws; all resamples together lie within
  // one item of what so many draws give.
  it.each([
    [52, 0, 60, 0.7833333333333333, 0.95],
    [10, 3, 40, 0, 0.35],
    [121, 59, 1351, 0.026646928201332347, 0.06513693560325684],
    [86, 150, 1351, -0.0695780903034789, -0.025166543301258327],
    [264, 87, 1351, 0.10436713545521836, 0.15692079940784603],
    [6, 0, 10, 0.3, 0.9],
    [1, 0, 5, 0, 0.6],
  ])('%i gained, %i lost of %i: from %d to %d', (gained, lost, items, low, high) => {
    const interval = bootstrapInterval({ gained, lost, items });
    expect(Math.abs(interval[0] - low) * items).toBeLessThan(1.01);
    expect(Math.abs(interval[1] - high) * items).toBeLessThan(1.01);
  });

  it('agrees with counting all 27 resamples of three items', () => {
    // One gained, one lost, one neither: sums of three draws from {1, -1, 0}. -3 comes up once in 27, so does 3.
    const counting = { gained: 1, lost: 1, items: 3 };
    expect(bootstrapInterval(counting, 0.95)).toEqual([-1, 1]);
    expect(bootstrapInterval(counting, 0.9)).toEqual([-2 / 3, 2 / 3]);
    expect(bootstrapInterval(counting, 0.5)).toEqual([-1 / 3, 1 / 3]);
  });

  it.each([
    // Counted by hand over all resamples.
    [1, 0, 1, 1, 1],
    [0, 1, 1, -1, -1],
    [1, 0, 2, 0, 1],
    [0, 1, 3, -1, 0],
    [7, 0, 7, 1, 1],
  ])('of few items, %i gained, %i lost of %i: from %d to %d', (gained, lost, items, low, high) => {
    expect(bootstrapInterval({ gained, lost, items })).toEqual([low, high]);
  });

  it('is the mirror image when the sides are exchanged', () => {
    const [low, high] = bootstrapInterval({ gained: 31, lost: 12, items: 200 });
    expect(bootstrapInterval({ gained: 12, lost: 31, items: 200 })).toEqual([-high, -low]);
  });

  it('holds for tens of thousands of items, and for none that differ', () => {
    const [low, high] = bootstrapInterval({ gained: 1300, lost: 1100, items: 12_032 });
    // Normal approximation: 200/12032 -+ 1.96 sqrt(2400 - 200^2/12032)/12032.
    expect(low).toBeCloseTo(0.00865, 3);
    expect(high).toBeCloseTo(0.0246, 3);
    expect(bootstrapInterval({ gained: 0, lost: 0, items: 10 })).toEqual([0, 0]);
  });
});

describe('minimum detectable difference', () => {
  // Recorded from SciPy 1.18.1: brentq over Connor's formula with norm.ppf, power 0.8.
  it.each([
    [1351, 0.2, 0.05, 0.034057449654700096],
    [1351, 0.26, 0.05, 0.03883146713783799],
    [12_032, 0.2, 0.05, 0.011421085142543334],
    [100, 0.3, 0.05, 0.15164709121467096],
    [200, 0.1, 0.01, 0.07586689406329052],
    [60, 0.5, 0.05, 0.250755432053029],
    [6, 1, 0.05, 0.9280899387138937],
    [10, 1, 0.05, 0.7847532842218066],
    [1000, 0.01, 0.05, 0.008848949811576167],
  ])('%i items, of which %d differ, at alpha %d: %d', (items, discordance, alpha, difference) => {
    expect(minimumDetectable({ items, discordance, alpha })).toBeCloseTo(difference, 10);
  });
  it('is none when so few items could not show any', () => {
    expect(minimumDetectable({ items: 150, discordance: 0.05, alpha: 0.05 })).toBeUndefined();
    expect(minimumDetectable({ items: 100, discordance: 0, alpha: 0.05 })).toBeUndefined();
    expect(minimumDetectable({ items: 1, discordance: 1, alpha: 0.05 })).toBeUndefined();
  });
});

describe('lower score limit', () => {
  // Recorded from SciPy 1.18.1: brentq over Tango's formula.
  it.each([
    [1, 7, 21, -0.5172322764213774],
    [7, 1, 21, 0.026003032480868545],
    [0, 8, 1000, -0.01570633453098014],
    [3, 3, 50, -0.1141986611561018],
    [0, 0, 200, -0.018845326377266578],
    [264, 87, 1351, 0.1048764066794773],
    [1, 0, 1, -0.5869013712455251],
    [0, 0, 1, -0.7934506856227624],
    [6, 0, 6, 0.21933142419566926],
    [1, 1, 2, -0.8109375885315394],
    [5, 0, 100, 0.011156826882665042],
  ])('%i gained, %i lost of %i: %d', (gained, lost, items, limit) => {
    expect(lowerScoreLimit({ gained, lost, items })).toBeCloseTo(limit, 10);
  });
  it('is what the closed form says where nothing differs, and -1 where everything was lost', () => {
    const z2 = 1.959963984540054 ** 2;
    expect(lowerScoreLimit({ gained: 0, lost: 0, items: 50 })).toBeCloseTo(-z2 / (50 + z2), 10);
    expect(lowerScoreLimit({ gained: 0, lost: 60, items: 60 })).toBeCloseTo(-1, 6);
    expect(lowerScoreLimit({ gained: 0, lost: 1, items: 1 })).toBeCloseTo(-1, 6);
  });
});

describe('normal quantile', () => {
  // Recorded from SciPy 1.18.1: norm.ppf.
  it.each([
    [0.975, 1.959963984540054],
    [0.8, 0.8416212335729143],
    [0.5, 0],
    [0.995, 2.5758293035489004],
    [1e-10, -6.361340902404056],
    [0.9999999, 5.199337582290661],
    [0.02425, -1.972961051311885],
  ])('of %d is %d', (chance, value) => {
    expect(normalQuantile(chance)).toBeCloseTo(value, 8);
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
