import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ClusterAccess } from './cluster-access.js';

const status = z.looseObject({ message: z.string().optional(), reason: z.string().optional() });

/** What the API server answered instead of what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    /** HTTP status. */
    readonly status: number,
    /** The word of Kubernetes for it, such as AlreadyExists, or an empty string. */
    readonly reason: string,
    message: string,
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(message);
  }
}

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const attempts = 6;
const firstPauseMs = 200;
const longestPauseMs = 5_000;
/** Of an answer that is no stream. */
const answerMs = 30_000;
/** How long a stream may bring nothing: bookmarks come about every minute, and a machine that is gone does not say so. */
const longestSilenceMs = 90_000;

/**
 * A small client of the API server: JSON in and out, and lines of a watch or a log. Kubernetes' own client for Node asks
 * for a newer Node than this project does, weighs 83 MB, and would be used for six calls.
 */
export class ClusterClient {
  readonly namespace: string;
  private readonly agent: http.Agent;

  constructor(
    private readonly access: ClusterAccess,
    private readonly silenceMs = longestSilenceMs,
  ) {
    this.namespace = access.namespace;
    const { ca, cert, key, insecure } = access;
    this.agent = access.server.startsWith('https:')
      ? new https.Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized: insecure !== true })
      : new http.Agent({ keepAlive: true });
  }

  close(): void {
    this.agent.destroy();
  }

  /**
   * Repeated when the connection breaks or the server is busy.
   *
   * @throws ApiError, or the error of the connection
   */
  async call(call: Call): Promise<unknown> {
    for (let tries = 1; ; tries += 1) {
      call.signal?.throwIfAborted();
      try {
        return await this.once(call);
      } catch (error) {
        if (tries === attempts || call.signal?.aborted || !mayRepeat(error)) throw error;
        const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)) * (0.5 + Math.random() / 2);
        const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
        await sleep(Math.max(pause, asked), undefined, { signal: call.signal });
      }
    }
  }

  /**
   * The lines of an answer that goes on, until the server ends it or is silent for long. A stream that breaks ends with
   * the error of its connection.
   *
   * @throws ApiError when there is no stream
   */
  async *lines(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): AsyncGenerator<string> {
    const begun = new AbortController();
    const timer = setTimeout(() => begun.abort(new Error('the API server did not answer')), answerMs);
    const either = AbortSignal.any([signal, begun.signal]);
    const answer = await this.request({ method: 'GET', path, query, signal: either }).finally(() =>
      clearTimeout(timer),
    );
    if (answer.statusCode !== 200) throw await apiError(answer);
    const reader = createInterface({ input: answer, crlfDelay: Infinity });
    let broken: Error | undefined;
    answer.once('error', (error: Error) => {
      broken = error;
      reader.close();
    });
    answer.once('aborted', () => {
      broken ??= new Error('the connection to the API server was cut');
      reader.close();
    });
    answer.setTimeout(this.silenceMs, () => reader.close());
    const close = (): void => void answer.destroy();
    signal.addEventListener('abort', close, { once: true });
    try {
      yield* reader;
      if (broken !== undefined && !signal.aborted) throw broken;
    } finally {
      signal.removeEventListener('abort', close);
      reader.close();
      answer.destroy();
    }
  }

  private async once(call: Call): Promise<unknown> {
    const answer = await this.request({
      ...call,
      signal: AbortSignal.any([AbortSignal.timeout(answerMs), ...(call.signal ? [call.signal] : [])]),
    });
    if ((answer.statusCode ?? 500) >= 300) throw await apiError(answer);
    const text = await textOf(answer);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  private request({ method, path, query = {}, body, signal }: Call): Promise<http.IncomingMessage> {
    const url = new URL(`${this.access.server}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const token = this.access.token?.();
    const headers: http.OutgoingHttpHeaders = {
      accept: 'application/json',
      ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const make = url.protocol === 'https:' ? https.request : http.request;
    return new Promise((resolve, reject) => {
      const request = make(url, { method, headers, agent: this.agent, ...(signal ? { signal } : {}) }, resolve);
      request.once('error', reject);
      request.end(text);
    });
  }
}

/** A create that was done without an answer says AlreadyExists when it is repeated, and its caller knows that. */
function mayRepeat(error: unknown): boolean {
  return !(error instanceof ApiError) || [429, 500, 502, 503, 504].includes(error.status);
}

async function apiError(answer: http.IncomingMessage): Promise<ApiError> {
  const text = await textOf(answer).catch(() => '');
  let parsed: z.infer<typeof status> = {};
  try {
    parsed = status.parse(JSON.parse(text));
  } catch {
    // A proxy on the way answers in its own words.
  }
  const after = Number(answer.headers['retry-after']);
  const code = answer.statusCode ?? 0;
  const message = parsed.message ?? (text.slice(0, 200) || `the API server answered ${code}`);
  return new ApiError(code, parsed.reason ?? '', message, Number.isFinite(after) && after > 0 ? after : undefined);
}

async function textOf(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
