import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { sampleRequest } from '@anneal/testing';
import { ChainOfProcesses } from './chain-of-processes.js';
import { pssMiB } from './memory.js';
import type { Bench, Result } from './result.js';
import { Samples } from './samples.js';

/** The gateway as its callers see it: a process of its own on real servers, nothing behind it. */
export const gateway: Bench = async ({ quick }) => {
  const chain = await ChainOfProcesses.open(['gateway']);
  try {
    const client = new Client(chain);
    return [
      await createAt100(client, quick ? 2 : 15),
      await createAtOnce(client, quick ? 200 : 3_000),
      await listAmong(client, chain, quick ? 1_000 : 100_000),
      await watchers(client, quick ? 20 : 500, quick ? 2 : 10),
      await largeUpload(client, chain, quick ? 50 : 1_000),
    ];
  } finally {
    await chain.close();
  }
};

class Client {
  private counter = 0;
  readonly url: string;

  constructor(private readonly chain: ChainOfProcesses) {
    const log = readFileSync(join(chain.servers.folder, 'log', 'gateway.log'), 'utf8');
    this.url = /"address":"([^"]+)"/.exec(log)?.[1] ?? '';
  }

  call(path: string, init: RequestInit = {}): Promise<Response> {
    const authorization = `Bearer ${this.chain.servers.servers.secret('api-key')}`;
    return fetch(new URL(path, this.url), { ...init, headers: { ...init.headers, authorization } });
  }

  /** @returns milliseconds until the answer */
  async create(): Promise<number> {
    const id = `made-${(this.counter += 1)}`;
    const began = performance.now();
    const answer = await this.call('/api/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...sampleRequest, id, name: id }),
    });
    await answer.arrayBuffer();
    if (answer.status !== 202) throw new Error(`creating a run was answered with ${answer.status}`);
    return performance.now() - began;
  }
}

async function createAt100(client: Client, seconds: number): Promise<Result> {
  const samples = new Samples();
  const began = performance.now();
  const asked: Promise<void>[] = [];
  for (let index = 0; index < 100 * seconds; index += 1) {
    const wait = began + index * 10 - performance.now();
    if (wait > 0) await pause(wait);
    asked.push(client.create().then((ms) => samples.add(ms)));
  }
  await Promise.all(asked);
  const goal = { what: 'p99 < 50 ms', met: ({ p99 }: Samples) => p99 < 50 };
  return { name: 'create a run, at 100/s', unit: 'ms', samples, goal };
}

async function createAtOnce(client: Client, count: number): Promise<Result> {
  const samples = new Samples();
  let left = count;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while ((left -= 1) >= 0) await client.create();
    }),
  );
  samples.add(count / ((performance.now() - began) / 1000));
  const goal = { what: '>= 400/s', met: ({ median }: Samples) => median >= 400 };
  return { name: 'runs created per second, by 16 callers', unit: '1/s', samples, goal };
}

async function listAmong(client: Client, chain: ChainOfProcesses, runs: number): Promise<Result> {
  await chain.query(
    `INSERT INTO gateway.run (id, name, state, created_at, finished_at)
     SELECT 'old-' || n, 'old', 'succeeded', now() - make_interval(secs => n), now()
       FROM generate_series(1, $1::int) AS n`,
    [runs],
  );
  await chain.query('ANALYZE gateway.run', []);
  const samples = new Samples();
  for (let index = 0; index < 200; index += 1) {
    const before = `old-${1 + Math.floor((index / 200) * (runs - 20))}`;
    const began = performance.now();
    await (await client.call(`/api/runs?limit=20&before=${before}`)).arrayBuffer();
    samples.add(performance.now() - began);
  }
  const goal = { what: 'p99 < 30 ms', met: ({ p99 }: Samples) => p99 < 30 };
  return { name: `list 20 among ${runs} runs`, unit: 'ms', samples, goal };
}

/** From the request for a run to each watcher's frame about it: fifty changes a second. */
async function watchers(client: Client, count: number, seconds: number): Promise<Result> {
  const samples = new Samples();
  const asked = new Map<string, number>();
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    const answer = await client.call('/api/runs/watch', { signal: over.signal });
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      const frames = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const at = asked.get(/"id":"(watched-\d+)"/.exec(frame)?.[1] ?? '');
        if (at !== undefined) samples.add(performance.now() - at);
      }
    }
  };
  const watching = Array.from({ length: count }, () => watch().catch(() => undefined));
  await pause(2_000);
  for (let index = 0; index < 50 * seconds; index += 1) {
    const id = `watched-${index}`;
    asked.set(id, performance.now());
    void client.call('/api/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...sampleRequest, id, name: id }),
    });
    await pause(20);
  }
  await pause(3_000);
  over.abort();
  await Promise.all(watching);
  const goal = { what: 'p99 < 250 ms', met: ({ p99 }: Samples) => p99 < 250 };
  return { name: `${count} watchers, 50 changes/s, to each watcher`, unit: 'ms', samples, goal };
}

/** By how much the memory of the gateway grows while a file goes through it. */
async function largeUpload(client: Client, chain: ChainOfProcesses, megabytes: number): Promise<Result> {
  const pid = chain.of('gateway').pid ?? 0;
  const samples = new Samples();
  const atRest = pssMiB(pid);
  const looking = setInterval(() => samples.add(pssMiB(pid) - atRest), 100);
  const boundary = 'bench';
  const line = Buffer.from(`${JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(1000) }] })}\n`);
  const block = Buffer.concat(Array.from({ length: Math.ceil(1024 ** 2 / line.length) }, () => line));
  const form = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n`);
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="rows.jsonl"\r\n` +
        'content-type: application/octet-stream\r\n\r\n',
    );
    for (let sent = 0; sent < megabytes; sent += 1) yield block;
    yield Buffer.from(`\r\n--${boundary}--\r\n`);
  };
  const answer = await client.call('/v1/files', {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: ReadableStream.from(form()),
    duplex: 'half',
  });
  clearInterval(looking);
  if (answer.status !== 200) throw new Error(`the upload was answered with ${answer.status}: ${await answer.text()}`);
  const goal = { what: 'p99 < 100 MiB', met: ({ p99 }: Samples) => p99 < 100 };
  return { name: `growth of the gateway during an upload of ${megabytes} MB`, unit: 'MiB', samples, goal };
}
