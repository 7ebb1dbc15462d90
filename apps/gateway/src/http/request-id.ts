import { randomUUID } from 'node:crypto';

/** The id that a caller gave its request, or a new one when there is none or an odd one. */
export function requestIdOf(given: unknown): string {
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
