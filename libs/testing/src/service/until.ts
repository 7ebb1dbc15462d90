import { setTimeout as pause } from 'node:timers/promises';

/** Waits for what is to come true within 30 s, or as long as is said. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > giveUpAt) throw new Error(`${what} did not happen`);
    await pause(20);
  }
}
