import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Throttle } from './throttle.js';

describe('a throttle', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('passes the first value at once and then the newest of each interval, by key', async () => {
    const passed: string[] = [];
    const throttle = new Throttle<string>(1000, async (value) => void passed.push(value));
    for (const value of ['a1', 'a2', 'a3']) throttle.put('a', value);
    throttle.put('b', 'b1');
    expect(passed).toEqual(['a1', 'b1']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(passed).toEqual(['a1', 'b1', 'a3']);
    await vi.advanceTimersByTimeAsync(1000);
    throttle.put('a', 'a4');
    expect(passed.at(-1)).toBe('a4');
  });

  it('passes on what waits when it is closed, and nothing afterwards', async () => {
    const passed: string[] = [];
    const throttle = new Throttle<string>(1000, async (value) => void passed.push(value));
    throttle.put('a', 'a1');
    throttle.put('a', 'a2');
    await throttle.close();
    throttle.put('a', 'a3');
    await vi.advanceTimersByTimeAsync(5000);
    expect(passed).toEqual(['a1', 'a2']);
  });
});
