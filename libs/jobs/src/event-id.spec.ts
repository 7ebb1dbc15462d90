import { describe, expect, it } from 'vitest';
import { newEventId } from './event-id.js';

describe('newEventId', () => {
  it('is a UUID of version 7', () => {
    expect(newEventId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('sorts by time', () => {
    const times = [0, 1, 1_700_000_000_000, 1_700_000_000_001, 4_000_000_000_000];
    const ids = times.map((time) => newEventId(time));
    expect(ids.toSorted()).toEqual(ids);
    expect(newEventId(1_645_557_742_000)).toMatch(/^017f22e2-79b0-7/);
  });

  it('does not repeat within a millisecond', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newEventId(1))).size).toBe(1000);
  });
});
