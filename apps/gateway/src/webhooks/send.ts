import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { lookupFor, type Targets } from '@anneal/outbound';

const answerMs = 10_000;

/**
 * Delivers a body. Not with `fetch`: the look-up of the name has to be this one, and a redirect is an answer, never a
 * way into the network.
 *
 * @returns status of the answer
 * @throws when there is no answer in time
 */
export function send(
  target: URL,
  { headers, body, allowed }: { headers: Record<string, string>; body: string; allowed: Targets },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const lookup = lookupFor(target, allowed);
    const open = target.protocol === 'https:' ? secure : plain;
    const outgoing = open(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        signal: AbortSignal.timeout(answerMs),
        // A connection of its own: a shared one may have been made under other rules.
        agent: false,
        ...(lookup ? { lookup } : {}),
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
