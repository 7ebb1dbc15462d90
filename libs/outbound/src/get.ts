import { request as plain, type IncomingMessage } from 'node:http';
import { request as secure } from 'node:https';
import { Failure } from '@anneal/contracts';
import { insideMessage, lookupFor, refusalOf, type Targets } from './targets.js';

/** More are a loop, or a way to hide where it leads. */
const mostRedirects = 5;

export interface GetOptions {
  readonly targets: Targets;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the first address and others of its origin only. */
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
  /** Given up when nothing comes for so long. */
  readonly stallMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Ends with an error when the connection breaks or stalls; destroyed by whoever does not want the rest. */
  readonly body: IncomingMessage;
}

/**
 * Asks an address and follows redirects, each checked like the first. Not with `fetch`: the look-up of a name has to be
 * the one that the connection uses.
 *
 * @throws Failure SOURCE_REFUSED for an address that may not be asked, SOURCE_UNAVAILABLE when no answer comes
 */
export async function get(url: string, options: GetOptions): Promise<Answer> {
  const first = URL.canParse(url) ? new URL(url) : undefined;
  if (!first) throw refused(`"${url}" is no address`);
  let next = first;
  for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
    const token = next.origin === first.origin ? options.token : undefined;
    const answer = await ask(next, redirects > 0 ? first : undefined, { ...options, token });
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer;
    answer.body.destroy();
    if (!URL.canParse(location, next.href))
      throw refused(`${shown(first)} leads to "${location}", which is no address`);
    next = new URL(location, next);
  }
  throw refused(`${shown(first)} leads through more than ${mostRedirects} other addresses`);
}

async function ask(
  url: URL,
  from: URL | undefined,
  { targets, headers, token, signal, stallMs }: GetOptions,
): Promise<Answer> {
  const way = from ? `${shown(from)} leads to ${shown(url)}, which` : shown(url);
  const refusal = refusalOf(url, targets);
  if (refusal !== undefined) throw refused(`${way} ${refusal}`);
  const lookup = lookupFor(url, targets);
  const open = url.protocol === 'https:' ? secure : plain;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const outgoing = open(url, {
      headers: { 'user-agent': 'Anneal', 'accept-encoding': 'identity', ...headers, ...authorization },
      signal,
      // A connection of its own: a shared one may have been made under other rules.
      agent: false,
      ...(lookup ? { lookup } : {}),
    });
    outgoing.on('response', (body) => {
      // Before the request itself, which would end the body with a reason that says nothing.
      outgoing.prependListener('timeout', () => body.destroy(stalled(url, stallMs)));
      resolve({ status: body.statusCode ?? 0, headers: body.headers, body });
    });
    outgoing.setTimeout(stallMs, () => outgoing.destroy(stalled(url, stallMs)));
    outgoing.on('error', (error) => reject(failureOf(error, { way, url, signal })));
    outgoing.end();
  });
}

function failureOf(error: Error, { way, url, signal }: { way: string; url: URL; signal: AbortSignal }): Error {
  if (signal.aborted) return signal.reason as Error;
  if (error instanceof Failure) return error;
  if (error.message.endsWith(insideMessage)) return refused(`${way} ${insideMessage}`);
  return unavailable(`${shown(url)} does not answer: ${error.message}`, error);
}

/** An address without what may be a key: signed addresses have theirs in the query. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function stalled(url: URL, stallMs: number): Failure {
  return unavailable(`${url.host} sent nothing for ${Math.ceil(stallMs / 1000)} seconds`);
}

function unavailable(what: string, cause?: unknown): Failure {
  return new Failure('SOURCE_UNAVAILABLE', `${what}.`, {
    remedy: 'It is tried again; if it stays, look whether the address works from the machine of the service.',
    cause,
  });
}

function refused(what: string): Failure {
  return new Failure('SOURCE_REFUSED', `${what}.`, {
    remedy: 'Name an https address of the internet; the operator may allow others with HTTPS_TARGETS.',
  });
}
