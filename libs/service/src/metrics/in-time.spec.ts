import { expect, it, vi } from 'vitest';
import { inTime } from './in-time.js';

it('gives the answer, and asks again the next time', async () => {
  let count = 0;
  const ask = inTime(async () => (count += 1));
  expect([await ask(), await ask()]).toEqual([1, 2]);
});

it('gives one answer to all who ask at once', async () => {
  const question = vi.fn(async () => 'yes');
  const ask = inTime(question);
  expect(await Promise.all([ask(), ask()])).toEqual(['yes', 'yes']);
  expect(question).toHaveBeenCalledOnce();
});

it('gives none when the other side refuses', async () => {
  expect(await inTime(() => Promise.reject(new Error('away')))()).toBeUndefined();
});

it('waits two seconds for one that hangs, and asks it nothing more', async () => {
  const question = vi.fn(() => new Promise<string>(() => undefined));
  const ask = inTime(question);
  const began = performance.now();
  expect(await Promise.all([ask(), ask()])).toEqual([undefined, undefined]);
  expect(performance.now() - began).toBeGreaterThan(1_500);
  expect(question).toHaveBeenCalledOnce();
});
