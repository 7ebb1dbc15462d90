import { createHash, timingSafeEqual } from 'node:crypto';
import { Failure } from '@anneal/contracts';

/** Routes that answer without a key: probes and metrics, which tell nothing about runs. */
const open = new Set(['/health/live', '/health/ready', '/metrics']);

/**
 * Whether a request needs the key. The matched route counts and not the path as it was written, which may spell the
 * same route in several ways; a new route is guarded until it is listed as open.
 *
 * @param route the route that matched, undefined when none did
 */
export function isGuarded(route: string | undefined, url: string): boolean {
  return route === undefined ? /^\/api(\/|\?|$)/.test(url) : !open.has(route);
}

/** @throws Failure UNAUTHORIZED unless the header is `Bearer KEY` */
export function requireApiKey(authorization: string | undefined, key: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  // Digests have one length, so the comparison takes the same time for every wrong key.
  if (given !== undefined && timingSafeEqual(digest(given), digest(key))) return;
  throw new Failure('UNAUTHORIZED', given === undefined ? 'The request has no API key.' : 'The API key is wrong.', {
    remedy: 'Send the API key of the gateway as "Authorization: Bearer KEY".',
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
