import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import type { InferenceRequest, Reply } from './inference.js';
import { ServerInference } from './server.inference.js';

interface Asked {
  url: string;
  body: {
    model: string;
    prompt?: string;
    messages?: unknown;
    max_tokens: number;
    temperature: number;
    stop?: string[];
  };
}
type Answer = { status: number; json?: unknown; headers?: Record<string, string> };

let server: Server | undefined;
afterEach(() => server?.close());

/** A completions server that answers as told. */
async function serve(answer: (asked: Asked, count: number) => Answer): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const started = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const one = { url: request.url ?? '', body: JSON.parse(Buffer.concat(parts).toString()) as Asked['body'] };
      asked.push(one);
      const { status, json, headers } = answer(one, asked.length);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json ?? {}));
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const address = started.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`, asked };
}

async function ask(url: string, more: Partial<InferenceRequest> = {}): Promise<Reply[]> {
  const replies: Reply[] = [];
  const request: InferenceRequest = {
    model: '/models/m',
    prompts: [{ id: 'a', prompt: { prompt: 'one' } }],
    answerTokens: 16,
    stop: [],
    directory: '/nowhere',
    job: { id: 'j', attempt: 1, token: '1' },
    signal: new AbortController().signal,
    ...more,
  };
  await new ServerInference({ url, concurrency: 2, firstPauseMs: 5 }).ask(request, async (reply) => {
    replies.push(reply);
  });
  return replies;
}

it('asks texts and conversations with all settings, and cuts at the stop text', async () => {
  const { url, asked } = await serve(({ body }) => ({
    status: 200,
    json: {
      choices: [
        body.messages
          ? { message: { content: 'hello' }, finish_reason: 'length' }
          : { text: ' A Question: next', finish_reason: 'length' },
      ],
      usage: { completion_tokens: 3 },
    },
  }));
  const messages = [{ role: 'user' as const, content: 'two' }];
  const replies = await ask(url, {
    prompts: [
      { id: 'a', prompt: { prompt: 'one' } },
      { id: 'b', prompt: { messages } },
    ],
    stop: ['Question:'],
  });
  expect(replies.toSorted((x, y) => (x.id < y.id ? -1 : 1))).toMatchObject([
    { id: 'a', text: ' A ', finish: 'stop', tokens: 3 },
    { id: 'b', text: 'hello', finish: 'length', tokens: 3 },
  ]);
  const common = { model: '/models/m', max_tokens: 16, temperature: 0, stop: ['Question:'] };
  expect(asked).toContainEqual({ url: '/v1/completions', body: { ...common, prompt: 'one' } });
  expect(asked).toContainEqual({ url: '/v1/chat/completions', body: { ...common, messages } });
});

it('tries again when the server is busy, broken or asks for patience', async () => {
  const { url, asked } = await serve((_, count) =>
    count <= 2
      ? { status: count === 1 ? 503 : 429, headers: { 'retry-after': '0.01' } }
      : { status: 200, json: { choices: [{ text: 'x' }] } },
  );
  await expect(ask(url)).resolves.toMatchObject([{ text: 'x', finish: 'stop' }]);
  expect(asked).toHaveLength(3);
});

it('gives up after a while, and says that trying again may help', async () => {
  const { url, asked } = await serve(() => ({ status: 500 }));
  await expect(ask(url)).rejects.toMatchObject({
    retryable: true,
    message: expect.stringContaining('answered 500') as string,
  });
  expect(asked).toHaveLength(8);
});

it('does not ask again what was refused', async () => {
  const { url, asked } = await serve(() => ({ status: 404, json: { error: 'no such model' } }));
  await expect(ask(url)).rejects.toMatchObject({ code: 'CONFIG_INVALID', retryable: false });
  expect(asked).toHaveLength(1);
});

it('tells a prompt that is too long from a refusal', async () => {
  const { url } = await serve(() => ({
    status: 400,
    json: { message: "This model's maximum context length is 2048 tokens" },
  }));
  await expect(ask(url)).resolves.toMatchObject([{ text: '', finish: 'too_long' }]);
});

it('ends when it is told to', async () => {
  const { url } = await serve(() => ({ status: 503 }));
  const stop = new AbortController();
  setTimeout(() => stop.abort('cancelled'), 50);
  await expect(ask(url, { signal: stop.signal })).rejects.toBe('cancelled');
});

it('asks no more once an answer could not be stored', async () => {
  const { url, asked } = await serve(() => ({ status: 200, json: { choices: [{ text: 'x' }] } }));
  const prompts = Array.from({ length: 50 }, (_, index) => ({ id: String(index), prompt: { prompt: 'x' } }));
  const broken = new Error('not stored');
  const request = {
    model: 'm',
    prompts,
    answerTokens: 1,
    stop: [],
    directory: '/nowhere',
    job: { id: 'j', attempt: 1, token: '1' },
    signal: new AbortController().signal,
  };
  await expect(new ServerInference({ url, concurrency: 2 }).ask(request, () => Promise.reject(broken))).rejects.toBe(
    broken,
  );
  expect(asked.length).toBeLessThanOrEqual(2);
});
