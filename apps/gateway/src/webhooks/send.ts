import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import { publicLookup } from './target.js';

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
  { headers, body, allowed }: { headers: Record<string, string>; body: string; allowed: 'public' | 'any' },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const open = target.protocol === 'https:' ? secure : plain;
    const outgoing = open(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        signal: AbortSignal.timeout(answerMs),
        ...(allowed === 'public' ? { lookup: publicLookup } : {}),
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
