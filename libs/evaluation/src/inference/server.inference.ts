import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Inference, InferenceRequest, NamedPrompt, Reply } from './inference.js';

const choice = z.object({
  text: z.string().optional(),
  message: z.object({ content: z.string().nullable() }).optional(),
  finish_reason: z.string().nullable().optional(),
});
const completion = z.object({
  choices: z.tuple([choice]).rest(choice),
  usage: z.object({ completion_tokens: z.int() }).partial().nullish(),
});

export interface ServerOptions {
  /** Ends in /v1. */
  readonly url: string;
  /** Requests at once. */
  readonly concurrency: number;
  /** Pause before the first retry; doubles up to 30 s. */
  readonly firstPauseMs?: number;
}

/** A long answer of a large model on a busy server; beyond this the connection is taken for dead. */
const answerMs = 15 * 60_000;
const mostTries = 8;
const longestPauseMs = 30_000;

/** Asks a server that speaks OpenAI's completions and knows models by their folder. */
export class ServerInference implements Inference {
  readonly settings: Inference['settings'];

  constructor(private readonly options: ServerOptions) {
    this.settings = { form: 'server', temperature: 0, concurrency: options.concurrency };
  }

  async ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void> {
    const waiting = [...request.prompts];
    // The first failure ends the other lanes too, instead of letting them ask on for nothing.
    const stop = new AbortController();
    const signal = AbortSignal.any([request.signal, stop.signal]);
    const lane = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await onReply(await this.answer(next, { ...request, signal }));
      }
    };
    const lanes = Array.from({ length: this.options.concurrency }, () =>
      lane().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    );
    const ended = await Promise.allSettled(lanes);
    request.signal.throwIfAborted();
    if (ended.some(({ status }) => status === 'rejected')) throw stop.signal.reason;
  }

  private async answer({ id, prompt }: NamedPrompt, request: InferenceRequest): Promise<Reply> {
    const started = performance.now();
    const chat = 'messages' in prompt;
    const body = {
      model: request.model,
      ...prompt,
      max_tokens: request.answerTokens,
      temperature: 0,
      ...(request.stop.length > 0 ? { stop: request.stop } : {}),
    };
    const answered = await this.post(chat ? 'chat/completions' : 'completions', body, request.signal);
    const seconds = (performance.now() - started) / 1000;
    if (answered === 'too_long') return { id, text: '', finish: 'too_long', tokens: 0, seconds };
    const [first] = answered.choices;
    const raw = (chat ? first.message?.content : first.text) ?? '';
    const text = cutAtStop(raw, request.stop);
    const finish = first.finish_reason === 'length' && text === raw ? 'length' : 'stop';
    return { id, text, finish, tokens: answered.usage?.completion_tokens ?? 0, seconds };
  }

  private async post(
    path: string,
    body: object,
    signal: AbortSignal,
  ): Promise<z.infer<typeof completion> | 'too_long'> {
    const url = `${this.options.url.replace(/\/+$/, '')}/${path}`;
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      }).catch((error: unknown) => {
        signal.throwIfAborted();
        return error;
      });
      if (response instanceof Response && response.ok)
        return readCompletion(await response.json().catch(() => undefined));
      const worthATry = !(response instanceof Response) || response.status === 429 || response.status >= 500;
      if (!worthATry) return refusal(response);
      if (tries >= mostTries) throw unavailable(response);
      await sleep(this.pauseMs(tries, response), undefined, { signal });
    }
  }

  private pauseMs(tries: number, response: unknown): number {
    const wished = response instanceof Response ? Number(response.headers.get('retry-after') ?? 0) * 1000 : 0;
    const usual = (this.options.firstPauseMs ?? 500) * 2 ** (tries - 1);
    return Math.min(longestPauseMs, Math.max(usual, Number.isFinite(wished) ? wished : 0));
  }
}

/** Some servers leave the text that ended an answer in it, others do not. */
function cutAtStop(text: string, stop: readonly string[]): string {
  const places = stop.map((end) => text.indexOf(end)).filter((place) => place >= 0);
  return places.length > 0 ? text.slice(0, Math.min(...places)) : text;
}

function readCompletion(value: unknown): z.infer<typeof completion> {
  const parsed = completion.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Failure('INTERNAL', 'The inference server answered in a form that is no completion.', {
    remedy: 'Check that INFERENCE_URL is the address, up to /v1, of a server that speaks OpenAI completions.',
    retryable: false,
    cause: parsed.error,
  });
}

async function refusal(response: Response): Promise<'too_long'> {
  const text = (await response.text().catch(() => '')).slice(0, 500);
  if (response.status === 400 && /context length|max_model_len|too long/i.test(text)) return 'too_long';
  throw new Failure('CONFIG_INVALID', `The inference server refused a question with ${response.status}: ${text}`, {
    remedy: 'Check that the server behind INFERENCE_URL can load models by their folder below WORK_DIR.',
  });
}

function unavailable(response: unknown): Failure {
  const what = response instanceof Response ? `answered ${response.status}` : 'could not be reached';
  return new Failure('INTERNAL', `The inference server ${what}, ${mostTries} times running.`, {
    remedy: 'It is tried again; look at the server behind INFERENCE_URL if it stays.',
    cause: response instanceof Response ? undefined : response,
  });
}
