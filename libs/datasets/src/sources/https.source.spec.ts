import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manyRows, packedTexts } from '../readers/packed/packed.fixture.js';
import { readFileRows } from '../readers/read.file.js';
import { httpsSource } from './https.source.js';
import { SourceCache } from './source.cache.js';

type Answering = (request: IncomingMessage, response: ServerResponse, number: number) => void;

const line = (number: number): string => `${JSON.stringify({ question: `q${number}`, answer: 'a' })}\n`;
const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => line(index)).join(''));

let folder: string;
let url: string;
let asked: IncomingMessage['headers'][];
let answering: Answering;
let stop: () => void;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-https-'));
  asked = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    answering(request, response, asked.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sets/sums.jsonl?key=secret`;
  stop = () => {
    server.close();
    server.closeAllConnections();
  };
});
afterEach(async () => {
  stop();
  await rm(folder, { recursive: true, force: true });
});

/** Serves the content as a good server does: by its ETag, and from the middle. */
const good =
  (etag = '"one"', bytes = content): Answering =>
  ({ headers }, response) => {
    if (headers['if-none-match'] === etag) return void response.writeHead(304).end();
    const from = headers['if-range'] === etag ? Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0) : 0;
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { etag, 'content-length': bytes.length - from, ...range });
    response.end(bytes.subarray(from));
  };

/** Sends the half of what is asked for, and breaks off. */
const half =
  (etag = '"one"'): Answering =>
  (_request, response) => {
    response.writeHead(200, { etag, 'content-length': content.length });
    response.write(content.subarray(0, content.length / 2), () => setTimeout(() => response.destroy(), 30));
  };

let staged = 0;
interface Circumstances {
  offline?: boolean;
  maxBytes?: number;
  httpsTargets?: string[];
  cacheBytes?: number;
  cache?: string;
  signal?: AbortSignal;
}
async function stage({ cacheBytes = 1e9, cache = 'cache', ...more }: Circumstances = {}): Promise<string[]> {
  staged += 1;
  const directory = join(folder, `staged-${staged}`);
  await mkdir(directory);
  const { files } = await httpsSource(url, {
    field: 'dataset.source',
    directory,
    signal: new AbortController().signal,
    cache: new SourceCache(`${folder}/${cache}`, cacheBytes),
    httpsTargets: ['any'],
    maxBytes: 1e9,
    offline: false,
    stallMs: 150,
    ...more,
  });
  const rows: string[] = [];
  for (const file of files) for await (const { columns } of readFileRows(file)) rows.push(String(columns['question']));
  return rows;
}

describe('a file at an address', () => {
  it('is fetched once, and without a network from then on', async () => {
    answering = good();
    expect(await stage()).toHaveLength(5000);
    expect(await stage()).toHaveLength(5000);
    expect(asked.map((headers) => headers['if-none-match'])).toEqual([undefined, '"one"']);
    answering = good('"two"', Buffer.from(line(7)));
    expect(await stage()).toEqual(['q7']);
    stop();
    expect(await stage({ offline: true })).toEqual(['q7']);
    expect(asked).toHaveLength(3);
  });

  it('that is not here is named without a network, and nothing is asked', async () => {
    await expect(stage({ offline: true })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      field: 'dataset.source',
      message: expect.stringContaining('/sets/sums.jsonl is not on this machine') as string,
    });
    expect(asked).toEqual([]);
  });

  it('goes on where it broke off', async () => {
    answering = (request, response, number) => (number === 1 ? half() : good())(request, response, number);
    expect(await stage()).toHaveLength(5000);
    expect(asked[1]).toMatchObject({ range: `bytes=${content.length / 2}-`, 'if-range': '"one"' });
  });

  it('begins anew when it is another one by then, or when the server cannot go on', async () => {
    answering = (request, response, number) => (number === 1 ? half() : good('"two"'))(request, response, number);
    expect(await stage()).toHaveLength(5000);
    answering = (request, response, number) =>
      (number === 3 ? half('W/"weak"') : good('W/"weak"'))(request, response, number);
    expect(await stage()).toHaveLength(5000);
    expect(asked[3]).not.toHaveProperty('range');
  });

  it('goes on with what an earlier try left', async () => {
    answering = (request, response, number) => (number === 1 ? half()(request, response, number) : response.destroy());
    await expect(stage()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true });
    const before = asked.length;
    answering = good();
    expect(await stage()).toHaveLength(5000);
    expect(asked.slice(before).map(({ range }) => range)).toEqual([undefined, `bytes=${content.length / 2}-`]);
  });

  it('that comes a byte at a time is given up, and its beginning is kept for a later attempt', async () => {
    answering = (_request, response) => {
      response.writeHead(200, { etag: '"one"', 'content-length': content.length });
      const dripping = setInterval(() => response.write('{'), 20);
      response.on('close', () => clearInterval(dripping));
    };
    await expect(stage()).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('comes too slowly') as string,
    });
    expect(asked).toHaveLength(1);
  });

  it('of a server that breaks off after each byte is given up, too', async () => {
    answering = (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const head = { etag: '"one"', 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
      response.writeHead(from === 0 ? 200 : 206, { ...head, 'content-length': content.length - from });
      response.write(content.subarray(from, from + 1), () => setTimeout(() => response.destroy(), 5));
    };
    await expect(stage()).rejects.toMatchObject({ message: expect.stringContaining('comes too slowly') as string });
  });

  it('that stalls is given up and tried again', async () => {
    answering = (_request, response) => {
      response.writeHead(200, { etag: '"one"', 'content-length': content.length });
      response.write(content.subarray(0, 10));
    };
    const aborted = AbortSignal.timeout(4_000);
    await expect(stage({ signal: aborted })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true });
    expect(aborted.aborted).toBe(false);
  });

  it('is refused when it is not what the server says', async () => {
    const digest = createHash('sha256').update('other').digest('base64');
    answering = (_request, response) =>
      response.writeHead(200, { 'repr-digest': `sha-256=:${digest}:`, 'content-length': content.length }).end(content);
    await expect(stage()).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      message: expect.stringContaining('came with other bytes than its source says') as string,
    });
    expect(await readdir(join(folder, 'cache', 'content'))).toEqual([]);
  });

  it('may be larger than what is taken, whether the server says so or not', async () => {
    for (const headers of [{ 'content-length': content.length }, {}]) {
      answering = (_request, response) => response.writeHead(200, headers).end(content);
      await expect(stage({ maxBytes: 1000 })).rejects.toMatchObject({
        code: 'DATASET_TOO_LARGE',
        field: 'dataset.source',
        retryable: false,
      });
    }
  });

  it('may be encoded on its way', async () => {
    answering = (_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', etag: '"z"' }).end(gzipSync(content));
    expect(await stage()).toHaveLength(5000);
    for (const { compression, many } of packedTexts) {
      answering = (_request, response) => response.writeHead(200, { 'content-encoding': compression }).end(many);
      expect(await stage()).toHaveLength(manyRows.length);
    }
    answering = (_request, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('odd');
    await expect(stage()).rejects.toMatchObject({ code: 'DATASET_UNREADABLE' });
  });

  it.each([
    [404, { code: 'DATASET_NOT_FOUND', retryable: false }],
    [403, { code: 'DATASET_NOT_FOUND', remedy: expect.stringContaining('artifact:DIGEST') as string }],
    [503, { code: 'SOURCE_UNAVAILABLE', retryable: true }],
  ])('that answers %i fails', async (status, failure) => {
    answering = (_request, response) => response.writeHead(status).end();
    await expect(stage()).rejects.toMatchObject({ ...failure, field: 'dataset.source' });
  });

  it('does not lead into the network', async () => {
    answering = (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/keys' }).end();
    const host = new URL(url).host;
    await expect(stage({ httpsTargets: ['public', host] })).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      field: 'dataset.source',
      message: expect.stringContaining('leads to http://169.254.169.254/keys, which') as string,
    });
    await expect(stage({ httpsTargets: ['public'] })).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  });

  it('shows no key of its address', async () => {
    answering = (_request, response) => response.end('{"question":');
    const failure = await stage().then(
      () => '',
      (error: unknown) => JSON.stringify(error) + String(error),
    );
    expect(failure).toContain('/sets/sums.jsonl');
    expect(failure).not.toContain('secret');
  });
});

describe('the cache of sources', () => {
  it('fetches the same once for all who want it at once', async () => {
    answering = good();
    const all = await Promise.all(Array.from({ length: 5 }, () => stage()));
    expect(all.map((rows) => rows.length)).toEqual([5000, 5000, 5000, 5000, 5000]);
    expect(await readdir(join(folder, 'cache', 'content'))).toHaveLength(1);
    expect(await readdir(join(folder, 'cache', 'partial'))).toEqual([]);
  });

  it('keeps what was used last, up to its size, and nothing that is in use goes', async () => {
    for (const etag of ['"one"', '"two"', '"three"']) {
      answering = good(etag, Buffer.concat([content, Buffer.from(`\n${line(0)}`.repeat(etag.length))]));
      expect((await stage({ cacheBytes: content.length * 2.5 })).length).toBeGreaterThan(5000);
    }
    expect(await readdir(join(folder, 'cache', 'content'))).toHaveLength(2);
    answering = good('"four"');
    expect(await stage({ cacheBytes: 0 })).toHaveLength(5000);
    expect(await readdir(join(folder, 'cache', 'content'))).toEqual([]);
  });

  it('names nothing that is not complete', async () => {
    answering = half();
    await expect(stage()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    expect(await readdir(join(folder, 'cache', 'content'))).toEqual([]);
    const [partial = ''] = await readdir(join(folder, 'cache', 'partial'));
    expect(content.includes(await readFile(join(folder, 'cache', 'partial', partial)))).toBe(true);
  });

  it('is shared by processes, each with a download of its own', async () => {
    answering = good();
    // Another way to the same folder, as another process has it.
    const all = await Promise.all(
      ['cache', 'cache/../cache', 'cache/../cache/../cache'].map((cache) => stage({ cache })),
    );
    expect(all.map((rows) => rows.length)).toEqual([5000, 5000, 5000]);
    expect(await readdir(join(folder, 'cache', 'content'))).toHaveLength(1);
    expect(await readdir(join(folder, 'cache', 'partial'))).toEqual([]);
  });

  it('goes on with what a killed process left, and lets a living one alone', async () => {
    answering = half();
    await expect(stage()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    const partials = join(folder, 'cache', 'partial');
    const [left = ''] = await readdir(partials);
    const owned = join(partials, `${left}.${randomUUID()}`);
    await rename(join(partials, left), owned);
    answering = good();
    asked.length = 0;
    expect(await stage()).toHaveLength(5000);
    expect(asked.map(({ range }) => range)).toEqual([undefined]);
    // Twenty minutes later it still has written nothing.
    const then = new Date(Date.now() - 20 * 60_000);
    await utimes(owned, then, then);
    await rm(join(folder, 'cache', 'entries'), { recursive: true });
    expect(await stage()).toHaveLength(5000);
    expect(asked.at(-1)?.range).toMatch(/^bytes=\d+-$/);
    expect(await readdir(partials)).toEqual([]);
  });

  it('lets those go who no longer want it', async () => {
    const abort = new AbortController();
    answering = (_request, response) => {
      response.writeHead(200, { etag: '"one"' }).write('{');
      setTimeout(() => abort.abort(new Error('enough')), 20);
    };
    await expect(stage({ signal: abort.signal })).rejects.toThrow('enough');
  });
});
