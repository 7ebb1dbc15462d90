import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Inference, InferenceRequest, NamedPrompt, Reply } from './inference.js';
import { readReply, type ReadReply } from './server.answer.js';
import { ServerConnection, TimedOut } from './server.connection.js';
import { ServerPace } from './server.pace.js';

export interface ServerOptions {
  /** Ends in /v1. */
  readonly url: string;
  /** Requests at once, at most: the number follows what the server keeps up with. */
  readonly concurrency: number;
  /** Sent as a bearer token. */
  readonly key?: string | undefined;
  /** Name of the model on the server; the folder of the model when left out. */
  readonly served?: string | undefined;
  /** Pause before the first retry; doubles up to 30 s. */
  readonly firstPauseMs?: number;
  /** A long answer of a large model on a busy server; beyond this the question is given up and asked once more. */
  readonly answerMs?: number;
}

const usualAnswerMs = 15 * 60_000;
const mostTries = 8;
/** Waiting for a time-out is long: one that comes a second time is believed. */
const mostTimeOuts = 2;
/** What is no answer is seldom one at the next try: a proxy's page, or an address that is no inference server's. */
const mostUnreadable = 3;
const longestPauseMs = 30_000;
/** A server that wants to be left alone for longer than this is taken at its word only so far. */
const longestWishMs = 10 * 60_000;
/** For answers of a single token. */
const probeMs = 60_000;

const versionReply = z.object({ version: z.string() });

/** What became of one try. */
type Tried = ReadReply | { readonly kind: 'unreachable' | 'late'; readonly what: string; readonly cause: unknown };
type Trouble = Exclude<Tried, { kind: 'answer' | 'too_long' }>;

/** Asks a server that speaks OpenAI's completions, and knows models by their folder unless a name is given. */
export class ServerInference implements Inference {
  readonly settings: Inference['settings'];

  constructor(private readonly options: ServerOptions) {
    this.settings = { form: 'server', temperature: 0, concurrency: options.concurrency };
  }

  /** vLLM tells its version; for a server that does not, its address has to do. */
  async versions(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { url, key } = this.options;
    const connection = new ServerConnection(new URL(url).origin, { connections: 1, key });
    try {
      const reply = await connection.get('version', { signal, timeoutMs: probeMs });
      return { server: versionReply.parse(JSON.parse(reply.text)).version };
    } catch {
      signal.throwIfAborted();
      return { server: url };
    } finally {
      connection.close();
    }
  }

  async ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void> {
    const { url, concurrency, key } = this.options;
    // The first failure ends the other lanes too, instead of letting them ask on for nothing.
    const stop = new AbortController();
    const signal = AbortSignal.any([request.signal, stop.signal]);
    const connection = new ServerConnection(url, { connections: concurrency, key });
    const asking = new Asking({ ...request, signal }, this.options, connection);
    const end = (): void => asking.pace.close(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    const waiting = request.prompts.values();
    const lane = async (): Promise<void> => {
      for (const next of waiting) {
        await onReply(await asking.answer(next));
        signal.throwIfAborted();
      }
    };
    try {
      const lanes = Array.from({ length: Math.min(concurrency, request.prompts.length) }, () =>
        lane().catch((error: unknown) => {
          stop.abort(error);
          throw error;
        }),
      );
      const ended = await Promise.allSettled(lanes);
      request.signal.throwIfAborted();
      if (ended.some(({ status }) => status === 'rejected')) throw stop.signal.reason;
    } finally {
      signal.removeEventListener('abort', end);
      connection.close();
    }
  }
}

/** One request with its lanes: what the server can do at the moment, and when it last answered anybody. */
class Asking {
  readonly pace: ServerPace;
  private answered = 0;

  constructor(
    private readonly request: InferenceRequest,
    private readonly options: ServerOptions,
    private readonly connection: ServerConnection,
  ) {
    this.pace = new ServerPace(options.concurrency);
  }

  async answer({ id, prompt }: NamedPrompt): Promise<Reply> {
    const answeredBefore = this.answered;
    let answeredLast = this.answered;
    const seen = { late: 0, unreadable: 0 };
    for (let tries = 1; ; tries += 1) {
      const started = performance.now();
      const tried = await this.try(prompt, this.request.answerTokens);
      const seconds = (performance.now() - started) / 1000;
      if (tried.kind === 'answer') {
        this.answered += 1;
        return { id, text: tried.text, finish: tried.finish, tokens: tried.tokens, seconds };
      }
      if (tried.kind === 'too_long') return { id, text: '', finish: 'too_long', tokens: 0, seconds };
      if (tried.kind === 'late' || tried.kind === 'unreadable') seen[tried.kind] += 1;
      // A server that is busy with others gets to this one in the end.
      if (tried.kind === 'busy' && this.answered > answeredLast) tries = 1;
      answeredLast = this.answered;
      const goOn = tries < mostTries && seen.late < mostTimeOuts && seen.unreadable < mostUnreadable;
      if (tried.kind === 'refused' || !goOn) {
        await this.blame(prompt, tried, this.answered > answeredBefore);
        return { id, text: '', finish: 'failed', tokens: 0, seconds, problem: `The server ${tried.what}.` };
      }
      await sleep(this.pauseMs(tries, tried), undefined, { signal: this.request.signal });
    }
  }

  /** Asks once, when there is room. */
  private async try(prompt: NamedPrompt['prompt'], tokens: number, timeoutMs = this.answerMs()): Promise<Tried> {
    const { model, stop, signal } = this.request;
    const chat = 'messages' in prompt;
    const body = {
      model: this.options.served ?? model,
      ...prompt,
      max_tokens: tokens,
      temperature: 0,
      ...(stop.length > 0 ? { stop } : {}),
    };
    await this.pace.enter();
    const sentAt = performance.now();
    try {
      signal.throwIfAborted();
      const path = chat ? 'chat/completions' : 'completions';
      const reply = readReply(await this.connection.post(path, body, { signal, timeoutMs }), { chat, stop });
      if (reply.kind === 'answer') this.pace.keptUp();
      if (reply.kind === 'busy') this.pace.fellBehind(sentAt);
      return reply;
    } catch (cause) {
      signal.throwIfAborted();
      this.pace.fellBehind(sentAt);
      if (cause instanceof TimedOut) return { kind: 'late', what: `did not answer: ${cause.message}`, cause };
      return { kind: 'unreachable', what: 'could not be reached', cause };
    } finally {
      this.pace.leave();
    }
  }

  /**
   * Whose fault it is that a question is not answered: the question's, when others are answered meanwhile. Else a trivial
   * one is asked, and when that is not answered either, it is the server's.
   *
   * @throws Failure of the server
   */
  private async blame(prompt: NamedPrompt['prompt'], trouble: Trouble, othersAnswered: boolean): Promise<void> {
    if (trouble.kind === 'refused' && trouble.everything) throw serverFailure(trouble);
    if (othersAnswered) return;
    const trivial =
      'messages' in prompt ? { messages: [{ role: 'user' as const, content: 'Hello' }] } : { prompt: 'Hello' };
    const probe = await this.try(trivial, 1, Math.min(probeMs, this.answerMs()));
    if (probe.kind !== 'answer') throw serverFailure(trouble);
  }

  private pauseMs(tries: number, trouble: Trouble): number {
    const usual = Math.min(longestPauseMs, (this.options.firstPauseMs ?? 500) * 2 ** (tries - 1));
    const wished = trouble.kind === 'busy' ? trouble.pauseMs : 0;
    // Up to half is left to chance, so that those who failed together do not come back together.
    return Math.max(Math.min(longestWishMs, wished), usual * (0.5 + Math.random() / 2));
  }

  private answerMs(): number {
    return this.options.answerMs ?? usualAnswerMs;
  }
}

function serverFailure(trouble: Trouble): Failure {
  const { kind, what } = trouble;
  switch (kind) {
    case 'refused':
      return new Failure('CONFIG_INVALID', `The inference server ${what}`, {
        remedy: 'Check the address, up to /v1, that the server knows the model under this name, and what it refuses.',
      });
    case 'unreadable':
      return new Failure('INFERENCE_UNAVAILABLE', `The inference server ${what}`, {
        remedy: 'Check that the address is that of a server that speaks OpenAI completions, up to /v1.',
        retryable: false,
      });
    case 'busy':
    case 'late':
    case 'unreachable':
      return new Failure('INFERENCE_UNAVAILABLE', `The inference server ${what}, to whatever it was asked.`, {
        remedy: 'It is tried again; look at the server if it stays.',
        cause: 'cause' in trouble ? trouble.cause : undefined,
      });
  }
}
