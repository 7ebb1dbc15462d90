import { describe, expect, it } from 'vitest';
import { newUuidV7 } from './uuid-v7.js';

describe('newUuidV7', () => {
  it('is a UUID of version 7', () => {
    expect(newUuidV7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sorts by time', () => {
    const times = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 4_000_000_000_000];
    const ids = times.map((time) => newUuidV7(time));
    expect(ids.toSorted()).toEqual(ids);
    expect(newUuidV7(1_645_557_742_000)).toMatch(/^017f22e2-79b0-7/);
  });

  it('does not repeat within a millisecond', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newUuidV7(1))).size).toBe(1000);
  });
});
