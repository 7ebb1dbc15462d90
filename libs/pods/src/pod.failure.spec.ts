import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { failureOfPod } from './pod.failure.js';

const exit = (code: number | null) => ({ code, signal: null, endedAt: '2026-01-01T00:00:00Z' });

describe('the end of a pod', () => {
  it('is what the cluster says about it, whatever its status', () => {
    const failure = new Failure('DISK_FULL', 'x', { remedy: 'y' });
    expect(failureOfPod({ ...exit(71), failure })).toBe(failure);
  });

  it.each([
    ['its inputs were not there', 70, /before its work began/],
    ['nobody took its result', 71, /before its result was in the object store/],
  ])('is tried again when %s', (_what, code, message) => {
    expect(failureOfPod(exit(code))).toMatchObject({
      ...{ code: 'KILLED', retryable: true },
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([0, 1, 3, null])('is that of the work otherwise: %s', (code) => {
    expect(failureOfPod(exit(code))).toBeUndefined();
  });
});
