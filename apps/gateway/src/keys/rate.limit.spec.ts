import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate.limit.js';

describe('a rate limit', () => {
  it('lets a second’s worth through at once, and more as time passes', () => {
    let now = 0;
    const limit = new RateLimit(2, () => now);
    const taken = (): boolean => {
      try {
        limit.take('key');
        return true;
      } catch {
        return false;
      }
    };
    expect([taken(), taken(), taken()]).toEqual([true, true, false]);
    now = 500;
    expect([taken(), taken()]).toEqual([true, false]);
    expect(() => limit.take('another')).not.toThrow();
  });

  it('may be a key’s own', () => {
    const limit = new RateLimit(0, () => 0);
    limit.take('key', 1);
    expect(() => limit.take('key', 1)).toThrow('more than 1 requests');
  });

  it('of 0 is none', () => {
    const limit = new RateLimit(0);
    for (let n = 0; n < 1000; n += 1) limit.take('key');
  });
});
