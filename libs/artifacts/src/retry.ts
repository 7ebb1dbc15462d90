import { setTimeout as sleep } from 'node:timers/promises';
import { isTransient } from './store-failure.js';

/** Together about ten seconds: a store that is restarted by its supervisor is back within three. */
const attempts = 8;
const firstPauseMs = 150;
const longestPauseMs = 3_000;

/** How long to wait after so many failed tries; jitter keeps many clients from coming back at once. */
export function pauseMs(tries: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
}

/** Does the operation again after errors that may pass, with growing pauses. */
export async function withRetry<T>(operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      if (attempt === attempts || !isTransient(error) || signal?.aborted === true) throw error;
      await sleep(pauseMs(attempt), undefined, { signal });
    }
  }
}

/** Runs the task over the items, at most `limit` at once; the first error stops the rest and is thrown at the end. */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  task: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    for (;;) {
      const index = next++;
      const item = items[index];
      if (failed || item === undefined) return;
      try {
        await task(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  // All workers are awaited even after an error, so that nothing still writes when the caller cleans up.
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
