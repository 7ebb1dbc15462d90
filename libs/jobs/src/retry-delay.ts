/** How the pause between two attempts grows. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** Five attempts of a job span about a minute and a half: longer than a server takes to come back. */
export const defaultBackoff: Backoff = { firstMs: 2_000, factor: 3, maxMs: 120_000 };

/**
 * Pause before the next attempt, in milliseconds: grows exponentially up to a limit; up to half of it is taken off by
 * chance, so that jobs that failed together do not come back together.
 *
 * @param attempt the attempt that failed, counted from 1
 * @param random a number from 0 to 1
 */
export function retryDelayMs(attempt: number, backoff: Backoff = defaultBackoff, random = Math.random()): number {
  const full = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** (attempt - 1));
  return Math.round(full * (1 - random / 2));
}
