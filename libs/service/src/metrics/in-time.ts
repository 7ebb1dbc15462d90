import { setTimeout as pause } from 'node:timers/promises';

const limitMs = 2_000;

/**
 * A question to a server that may be away: one at a time, so that one that hangs gathers no others, shared by all who ask
 * meanwhile, and for two seconds at most, since the other numbers are wanted most just then.
 *
 * @returns asks; undefined when there is no answer
 */
export function inTime<Answer>(ask: () => Promise<Answer>): () => Promise<Answer | undefined> {
  let asking: Promise<Answer | undefined> | undefined;
  return () => {
    asking ??= ask()
      .catch(() => undefined)
      .finally(() => (asking = undefined));
    return Promise.race([asking, pause(limitMs, undefined, { ref: false })]);
  };
}
