import { describe, expect, it } from 'vitest';
import { retryDelayMs } from './retry-delay.js';

const backoff = { firstMs: 1000, factor: 2, maxMs: 5000 };

describe('retryDelayMs', () => {
  it('doubles from attempt to attempt, up to the limit', () => {
    expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(attempt, backoff, 0))).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  it('takes off up to half by chance', () => {
    expect(retryDelayMs(2, backoff, 1)).toBe(1000);
    for (let n = 0; n < 100; n += 1) {
      const pause = retryDelayMs(3, backoff);
      expect(pause).toBeGreaterThanOrEqual(2000);
      expect(pause).toBeLessThanOrEqual(4000);
    }
  });

  it('stays finite for any number of attempts', () => {
    expect(retryDelayMs(10_000, backoff, 0)).toBe(5000);
  });

  it('bridges more than a minute with the default and five attempts', () => {
    const shortest = [1, 2, 3, 4].map((attempt) => retryDelayMs(attempt, undefined, 1));
    expect(shortest.reduce((sum, pause) => sum + pause)).toBeGreaterThanOrEqual(39_000);
  });
});
