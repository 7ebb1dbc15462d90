import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArtifactRef } from '@anneal/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locateBaseModel, pinBaseModel, type LocateOptions } from './base-model.js';

let folder: string;
let model: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-base-model-'));
  model = join(folder, 'model');
  await mkdir(model);
  await save('config.json', '{"max_position_embeddings":4096}');
  await save('model.safetensors', safetensors({ a: [2, 3], b: [5], c: [] }));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const save = (name: string, content: string | Buffer): Promise<void> => writeFile(join(model, name), content);

function safetensors(shapes: Record<string, number[]>): Buffer {
  const header = {
    __metadata__: { format: 'pt' },
    ...Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(44)]);
}

const options = (change: Partial<LocateOptions> = {}): LocateOptions => ({
  resolveFile: async (reference) => reference.replace('file:', ''),
  hub: { endpoint: 'http://127.0.0.1:9', token: undefined },
  engine: { python: join(folder, 'python') },
  workDir: join(folder, 'work'),
  store: { resolveTag: () => Promise.reject(new Error('the store was asked')) },
  place: () => Promise.reject(new Error('the cache was asked')),
  signal: new AbortController().signal,
  ...change,
});
const locate = (base = `file:${model}`, change: Partial<LocateOptions> = {}, revision = 'main') =>
  locateBaseModel({ base, revision }, options(change));

describe('a local model', () => {
  it('is counted from the headers of its weights', async () => {
    const { directory, base, maxPositions } = await locate();
    expect({ directory, maxPositions }).toEqual({ directory: model, maxPositions: 4096 });
    expect(base).toMatchObject({ reference: `file:${model}`, parameters: 6 + 5 + 1 });
  });

  it('is counted over all its shards', async () => {
    await rm(join(model, 'model.safetensors'));
    await save('one.safetensors', safetensors({ a: [10] }));
    await save('two.safetensors', safetensors({ b: [20] }));
    await save(
      'model.safetensors.index.json',
      JSON.stringify({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }),
    );
    expect((await locate()).base.parameters).toBe(30);
  });

  it('has the digest of its weights as revision, hashed once while nothing changes', async () => {
    const before = (await locate()).base.revision;
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    const bytes = await readFile(join(model, 'model.safetensors'));
    const time = new Date(1_700_000_000_000);
    await utimes(join(model, 'model.safetensors'), time, time);
    expect((await locate()).base.revision).toBe(before);
    // Other contents under the same size and time would not be seen: that is the price of not reading gigabytes again.
    bytes[bytes.length - 1] = 1;
    await save('model.safetensors', bytes);
    await utimes(join(model, 'model.safetensors'), time, time);
    expect((await locate()).base.revision).toBe(before);
    await utimes(join(model, 'model.safetensors'), time, new Date());
    expect((await locate()).base.revision).not.toBe(before);
  });

  it.each<[string, () => Promise<void>, RegExp]>([
    ['no configuration', () => rm(join(model, 'config.json')), /has no config\.json/],
    ['no weights', () => rm(join(model, 'model.safetensors')), /has no weights/],
    ['half of its weights', () => save('model.safetensors', Buffer.alloc(4)), /cannot be read/],
    [
      'a shard less',
      () => save('model.safetensors.index.json', '{"weight_map":{"a":"gone.safetensors"}}'),
      /lacks the weight file gone/,
    ],
  ])('with %s is refused', async (_name, damage, message) => {
    await damage();
    await expect(locate()).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      field: 'model.base',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('a published model', () => {
  it('is fetched by its tag, and its revision is the digest of the artifact', async () => {
    const artifact: ArtifactRef = { kind: 'model', digest: 'd'.repeat(64), files: 2, bytes: 3 };
    const asked: unknown[] = [];
    const { base } = await locate('registry:sums:v2', {
      store: {
        resolveTag: async (name, tag) => {
          asked.push(name, tag);
          return { name, tag: tag ?? '', artifact, runId: 'r', publishedAt: '2026-01-01T00:00:00Z', details: {} };
        },
      },
      place: async () => model,
    });
    expect(asked).toEqual(['sums', 'v2']);
    expect(base.revision).toBe(artifact.digest);
  });
});

describe('a model of the Hub', () => {
  const first = 'c'.repeat(40);
  const second = 'd'.repeat(40);
  let server: Server;
  let endpoint: string;
  let main: string | number;
  beforeEach(async () => {
    main = first;
    server = createServer((request, response) => {
      const known = request.url === '/api/models/acme/small/revision/main';
      response.statusCode = typeof main === 'number' ? main : known ? 200 : 404;
      response.end(JSON.stringify({ sha: main }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  });
  afterEach(() => server.close());
  const locateOnHub = (base = 'acme/small', revision = 'main') =>
    locate(base, { hub: { endpoint, token: undefined } }, revision);

  /** A program in the place of anneal_engine.fetch_model that counts how often it was asked. */
  async function fetcher(
    script = `for word in "$@"; do case $word in --directory=*) cp '${model}'/* "\${word#*=}";; esac; done`,
  ): Promise<void> {
    const path = join(folder, 'python');
    await writeFile(path, `#!/bin/sh\necho x >> '${folder}/asked'\n${script}\n`);
    await chmod(path, 0o755);
  }
  const asked = async (): Promise<number> => (await readFile(join(folder, 'asked'), 'utf8')).split('\n').length - 1;

  it('is fetched at the commit of its branch, once', async () => {
    await fetcher();
    expect((await locateOnHub()).base).toEqual({ reference: 'acme/small', revision: first, parameters: 12 });
    await locateOnHub('hub:acme/small');
    await locateOnHub('acme/small', first);
    expect(await asked()).toBe(1);
  });

  it('follows its branch, and stays what it was when pinned', async () => {
    await fetcher();
    const before = await locateOnHub();
    main = second;
    expect((await locateOnHub()).base.revision).toBe(second);
    const pinned = pinBaseModel({ base: 'acme/small', revision: 'main' }, before.base);
    expect((await locateOnHub(pinned.base, pinned.revision)).directory).toBe(before.directory);
    expect(await asked()).toBe(2);
  });

  it('is taken as it was the last time when the Hub is away', async () => {
    await fetcher();
    await locateOnHub();
    main = 503;
    expect((await locateOnHub()).base.revision).toBe(first);
  });

  it('is what was fetched before for an offline service, which asks nobody', async () => {
    const offline = (revision: string) =>
      locate('acme/small', { hub: { endpoint: 'http://127.0.0.1:1', token: undefined }, offline: true }, revision);
    await expect(offline('main')).rejects.toMatchObject({ code: 'SOURCE_OFFLINE', field: 'model.base' });
    await fetcher();
    await locateOnHub();
    expect((await offline('main')).base.revision).toBe(first);
    expect((await offline(first)).base.revision).toBe(first);
    for (const other of [second, 'dev']) await expect(offline(other)).rejects.toMatchObject({ code: 'SOURCE_OFFLINE' });
    expect(await asked()).toBe(1);
  });

  it('of which a part only is here is none for an offline service', async () => {
    await fetcher('exit 5');
    await expect(locateOnHub()).rejects.toThrow();
    const offline = locate('acme/small', { hub: { endpoint, token: undefined }, offline: true }, first);
    await expect(offline).rejects.toMatchObject({ code: 'SOURCE_OFFLINE' });
  });

  it.each([
    [404, 'MODEL_NOT_FOUND'],
    [401, 'MODEL_NOT_FOUND'],
    [403, 'MODEL_GATED'],
    [503, 'HUB_UNAVAILABLE'],
  ])('fails when the Hub answers %i with %s', async (status, code) => {
    main = status;
    await expect(locateOnHub()).rejects.toMatchObject({ code, field: 'model.base' });
  });

  it.each([
    [3, 'MODEL_NOT_FOUND'],
    [4, 'MODEL_GATED'],
    [5, 'HUB_UNAVAILABLE'],
    [1, 'ENGINE_BUG'],
  ])('fails for exit status %i with %s', async (status, code) => {
    await fetcher(`echo no >&2; exit ${status}`);
    await expect(locateOnHub()).rejects.toMatchObject({ code, field: 'model.base' });
  });

  it('needs an engine', async () => {
    await expect(locateOnHub()).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
  });
});
