import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { inParallel, withRetry } from './retry.js';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('withRetry', () => {
  it('repeats after a broken connection', async () => {
    let tries = 0;
    const answer = await withRetry(() => (++tries < 3 ? Promise.reject(coded('ECONNRESET')) : Promise.resolve('yes')));
    expect([answer, tries]).toEqual(['yes', 3]);
  });

  it.each([
    coded('NoSuchKey'),
    coded('AccessDenied'),
    coded('ENOSPC'),
    new Failure('ARTIFACT_CORRUPT', '', { remedy: '' }),
  ])('does not repeat after %s', async (error) => {
    let tries = 0;
    const call = withRetry(() => {
      tries += 1;
      return Promise.reject(error);
    });
    await expect(call).rejects.toBe(error);
    expect(tries).toBe(1);
  });

  it('stops waiting when it is aborted', async () => {
    const call = withRetry(() => Promise.reject(coded('ECONNREFUSED')), AbortSignal.timeout(20));
    const started = performance.now();
    await expect(call).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('inParallel', () => {
  it('keeps the limit, starts nothing after an error, and waits for what runs', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    const work = inParallel([0, 1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      seen.push(item);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      if (item === 2) throw new Error('two');
    });
    await expect(work).rejects.toThrow('two');
    expect([most, running]).toEqual([3, 0]);
    expect(seen).not.toContain(7);
  });
});
