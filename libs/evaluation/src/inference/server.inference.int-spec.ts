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
type Answer = { status: number; json?: unknown; text?: string; headers?: Record<string, string>; ms?: number };

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** A completions server that answers as told. */
async function serve(answer: (asked: Asked, count: number) => Answer | 'never'): Promise<{
  url: string;
  asked: Asked[];
  /** Requests that were under way at once, each time that one came. */
  underWay: number[];
}> {
  const asked: Asked[] = [];
  const underWay: number[] = [];
  let open = 0;
  const started = createServer((request, response) => {
    const parts: Buffer[] = [];
    underWay.push((open += 1));
    response.once('close', () => (open -= 1));
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const one = {
        url: request.url ?? '',
        body: JSON.parse(Buffer.concat(parts).toString() || '{}') as Asked['body'],
      };
      asked.push(one);
      const told = answer(one, asked.length);
      if (told === 'never') return;
      const { status, json, text, headers, ms = 0 } = told;
      setTimeout(() => {
        response
          .writeHead(status, { 'content-type': 'application/json', ...headers })
          .end(text ?? JSON.stringify(json ?? {}));
      }, ms);
    });
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  const address = started.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`, asked, underWay };
}

const saying = (text: string): Answer => ({ status: 200, json: { choices: [{ text, finish_reason: 'stop' }] } });
const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), prompt: { prompt: `q${index}` } }));

async function ask(
  url: string,
  more: Partial<InferenceRequest> = {},
  options: Partial<ConstructorParameters<typeof ServerInference>[0]> = {},
): Promise<Reply[]> {
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
  await new ServerInference({ url, concurrency: 2, firstPauseMs: 5, ...options }).ask(request, async (reply) => {
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

it('waits as long as the server asks for', async () => {
  const times: number[] = [];
  const { url } = await serve((_, count) => {
    times.push(performance.now());
    return count === 1 ? { status: 429, headers: { 'retry-after': '0.3' } } : saying('x');
  });
  await ask(url);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(280);
});

it('asks more at once while the server keeps up', async () => {
  const { url, underWay } = await serve(() => ({ ...saying('x'), ms: 40 }));
  await ask(url, { prompts: many(100) }, { concurrency: 64 });
  expect(Math.max(...underWay.slice(0, 8))).toBeLessThanOrEqual(8);
  expect(Math.max(...underWay)).toBeGreaterThan(12);
});

it('asks less at once when the server cannot keep up, and gets every answer', async () => {
  let refused = 0;
  const { url, underWay } = await serve(() => {
    if ((underWay.at(-1) ?? 0) <= 4) return { ...saying('x'), ms: 10 };
    refused += 1;
    return { status: 429 };
  });
  const replies = await ask(url, { prompts: many(100) }, { concurrency: 64 });
  expect(replies.filter(({ finish }) => finish === 'stop')).toHaveLength(100);
  // Eight at once are refused at first, and later one now and then, when it tries whether there is room for more.
  expect(refused).toBeLessThan(60);
});

it('gives up after a while, and says that trying again may help', async () => {
  const { url, asked } = await serve(() => ({ status: 500 }));
  await expect(ask(url)).rejects.toMatchObject({
    code: 'INFERENCE_UNAVAILABLE',
    retryable: true,
    message: expect.stringContaining('answered 500') as string,
  });
  // Eight times the question, and once another one, to see whether it is the question's fault.
  expect(asked).toHaveLength(9);
  expect(asked.at(-1)?.body).toMatchObject({ prompt: 'Hello', max_tokens: 1 });
});

it('counts a question as failed that alone breaks the server', async () => {
  const { url } = await serve(({ body }) => (body.prompt === 'q3' ? { status: 500 } : saying('x')));
  const replies = await ask(url, { prompts: many(6) }, { firstPauseMs: 1 });
  expect(replies.filter(({ finish }) => finish === 'failed')).toMatchObject([
    { id: '3', text: '', problem: 'The server answered 500.' },
  ]);
  expect(replies).toHaveLength(6);
  await expect(ask(url, { prompts: many(4).slice(3) }, { firstPauseMs: 1 })).resolves.toMatchObject([
    { id: '3', finish: 'failed' },
  ]);
});

it('counts a question as failed that is refused, and says why', async () => {
  const { url } = await serve(({ body }) =>
    body.prompt === 'q1' ? { status: 422, text: 'odd characters' } : saying('x'),
  );
  const replies = await ask(url, { prompts: many(2) });
  expect(replies.find(({ id }) => id === '1')).toMatchObject({
    finish: 'failed',
    problem: 'The server refused with 422: odd characters.',
  });
});

it('takes nothing at all for an answer', async () => {
  const { url } = await serve(({ body }) =>
    body.messages ? { status: 200, json: { choices: [{ message: { content: null } }] } } : saying(''),
  );
  const prompts = [
    { id: 'a', prompt: { prompt: 'one' } },
    { id: 'b', prompt: { messages: [{ role: 'user' as const, content: 'two' }] } },
  ];
  await expect(ask(url, { prompts })).resolves.toMatchObject([
    { text: '', finish: 'stop' },
    { text: '', finish: 'stop' },
  ]);
});

it.each([
  ['a page', '<!DOCTYPE html>\n<html>Bad gateway</html>', '<!DOCTYPE html> <html>Bad gateway</html>'],
  ['half an answer', '{"choices":[{"text":"The ans', '{"choices":[{"text":"The ans'],
  ['nothing', '', 'an empty body'],
  ['an answer without one', '{"choices":[]}', '{"choices":[]}'],
  ['an answer that is a number', '{"choices":[{"text":NaN}]}', '{"choices":[{"text":NaN}]}'],
])('tries again when the server sends %s, and says so when it sends nothing else', async (_, text, said) => {
  const once = await serve((_asked, count) => (count === 1 ? { status: 200, text } : saying('x')));
  await expect(ask(once.url)).resolves.toMatchObject([{ text: 'x' }]);
  server?.close();
  const always = await serve(() => ({ status: 200, text }));
  await expect(ask(always.url)).rejects.toMatchObject({
    code: 'INFERENCE_UNAVAILABLE',
    retryable: false,
    message: `The inference server answered what is no completion: ${said}`,
  });
});

it('gives up a question that takes too long, and the server when it answers nobody', async () => {
  const { url } = await serve(({ body }) => (body.prompt === 'q1' ? 'never' : saying('x')));
  const replies = await ask(url, { prompts: many(3) }, { answerMs: 60 });
  expect(replies.find(({ id }) => id === '1')).toMatchObject({
    finish: 'failed',
    problem: 'The server did not answer: no answer came within 0.06 s.',
  });
  server?.closeAllConnections();
  const silent = await serve(() => 'never');
  await expect(ask(silent.url, {}, { answerMs: 60 })).rejects.toMatchObject({
    code: 'INFERENCE_UNAVAILABLE',
    message: 'The inference server did not answer: no answer came within 0.06 s, to whatever it was asked.',
  });
});

it('says so when there is no server', async () => {
  await expect(ask('http://127.0.0.1:9/v1', {}, { firstPauseMs: 1 })).rejects.toMatchObject({
    code: 'INFERENCE_UNAVAILABLE',
    message: 'The inference server could not be reached, to whatever it was asked.',
  });
});

it('goes on when the server closed a connection that it thought idle', async () => {
  let sockets = 0;
  const { url } = await serve(() => saying('x'));
  server?.on('connection', (socket) => {
    sockets += 1;
    // After the first answer the connection dies without a word, as behind a proxy.
    socket.once('data', () => setTimeout(() => socket.resetAndDestroy(), 30));
  });
  const inference = new ServerInference({ url, concurrency: 1, firstPauseMs: 5 });
  const prompts = many(3);
  const request = {
    ...{ model: 'm', prompts, answerTokens: 1, stop: [], directory: '/nowhere' },
    job: { id: 'j', attempt: 1, token: '1' },
  };
  const replies: Reply[] = [];
  await inference.ask({ ...request, signal: new AbortController().signal }, async (reply) => {
    replies.push(reply);
    await new Promise((resolve) => setTimeout(resolve, 40));
  });
  expect(replies.map(({ text }) => text)).toEqual(['x', 'x', 'x']);
  expect(sockets).toBeGreaterThan(1);
});

it('sends its key, and asks for the model by the name that it has on the server', async () => {
  let key: string | undefined;
  const { url, asked } = await serve(() => saying('x'));
  server?.on('request', ({ headers }) => (key = headers.authorization));
  await ask(url, {}, { key: 'secret', served: 'small' });
  expect(key).toBe('Bearer secret');
  expect(asked[0]?.body.model).toBe('small');
});

it('names the version of a server that tells it, and its address otherwise', async () => {
  const vllm = await serve(({ url: path }) =>
    path === '/version' ? { status: 200, json: { version: '0.33.0' } } : { status: 404 },
  );
  const signal = new AbortController().signal;
  expect(await new ServerInference({ url: vllm.url, concurrency: 1 }).versions(signal)).toEqual({ server: '0.33.0' });
  server?.close();
  const other = await serve(() => ({ status: 404 }));
  expect(await new ServerInference({ url: other.url, concurrency: 1 }).versions(signal)).toEqual({ server: other.url });
});

it('does not ask again what was refused for every question', async () => {
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
