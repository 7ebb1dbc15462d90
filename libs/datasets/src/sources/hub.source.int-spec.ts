import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parseRunSpec, type AcceptedRunSpec } from '@anneal/contracts';
import { startHub, type SmallHub } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRows } from '../rows/read.rows.js';
import { fetchHubDataset } from './hub.dataset.js';
import { SourceCache } from './source.cache.js';
import type { StagedSource } from './source.js';
import { stageSource } from './stage.source.js';

const name = 'acme/sums';
let folder: string;
let hub: SmallHub;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-hub-source-'));
  hub = await startHub({
    pageSize: 2,
    tokens: {
      hf_reader: { user: 'someone', role: 'read' },
      hf_member: { user: 'member', role: 'read', gatedAccess: [name] },
      hf_old: { user: 'someone', role: 'read', expired: true },
    },
  });
});
afterEach(async () => {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

function dataset(more: object = {}): AcceptedRunSpec['dataset'] {
  const source = { source: name, ...more };
  const parsed = parseRunSpec({ model: { base: 'a/b' }, dataset: source, training: { method: 'lora' } });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec.dataset;
}

interface Circumstances {
  token?: string | undefined;
  offline?: boolean;
  stallMs?: number;
  secret?: (variable: string) => string | undefined;
}

let staged = 0;
function stage(
  more: object = {},
  circumstances: Circumstances = {},
  signal = new AbortController().signal,
): Promise<StagedSource> {
  const { token, ...reach } = circumstances;
  staged += 1;
  return stageSource(dataset(more), {
    field: 'dataset.source',
    directory: join(folder, `staged-${staged}`),
    signal,
    reach: {
      fileRoots: [],
      hub: { endpoint: hub.url, token },
      cache: new SourceCache(join(folder, 'cache'), 1e9),
      ...reach,
    },
  });
}

async function questions(more: object = {}, circumstances: Circumstances = {}): Promise<string[]> {
  const rows: string[] = [];
  for await (const { messages } of readRows(await stage(more, circumstances), dataset(more)))
    rows.push(messages[0]?.content ?? '');
  return rows;
}

const lines = (...numbers: number[]): string =>
  numbers.map((number) => `${JSON.stringify({ question: `q${number}`, answer: 'a' })}\n`).join('');

async function parquet(...numbers: number[]): Promise<Buffer> {
  const path = join(folder, `made-${randomUUID()}.parquet`);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const rows = numbers.map((number) => `('q${number}', 'a')`).join(', ');
  await connection.run(`COPY (SELECT * FROM (VALUES ${rows}) AS t(question, answer)) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  return readFile(path);
}

describe('a dataset of the Hub', () => {
  it('comes as JSONL, from the files of its split alone', async () => {
    hub.create(name, { type: 'dataset' }).commit('add', {
      put: { 'train.jsonl': lines(1, 2), 'test.jsonl': lines(9), 'README.md': '#' },
    });
    expect(await questions()).toEqual(['q1', 'q2']);
    expect(await questions({ split: 'test' })).toEqual(['q9']);
  });

  it('comes as parquet in several files, in their order', async () => {
    const put = {
      'data/train-00002-of-00003.parquet': await parquet(5),
      'data/train-00000-of-00003.parquet': await parquet(1, 2),
      'data/train-00001-of-00003.parquet': await parquet(3, 4),
      'data/test-00000-of-00001.parquet': await parquet(9),
    };
    hub.create(name, { type: 'dataset' }).commit('add', { put });
    expect(await questions()).toEqual(['q1', 'q2', 'q3', 'q4', 'q5']);
    expect(await questions({ limit: 3 })).toEqual(['q1', 'q2', 'q3']);
  });

  it('comes from the revision that is wanted, and all files from the same commit', async () => {
    const repository = hub.create(name, { type: 'dataset' });
    const put = { 'train-00000-of-00002.jsonl': lines(1), 'train-00001-of-00002.jsonl': lines(2) };
    const { oid } = repository.commit('one', { put });
    const later = { 'train-00000-of-00002.jsonl': lines(11), 'train-00001-of-00002.jsonl': lines(12) };
    const act = (): void => void repository.commit('two', { put: later });
    hub.faults.add('download', { kind: 'meanwhile', act });
    expect(await questions()).toEqual(['q1', 'q2']);
    expect(await questions()).toEqual(['q11', 'q12']);
    expect(await questions({ revision: oid })).toEqual(['q1', 'q2']);
  });

  it('names the file and the row that is wrong', async () => {
    const put = { 'train-0.jsonl': lines(1), 'train-1.jsonl': `${lines(2)}{"question":"q"}\n` };
    hub.create(name, { type: 'dataset' }).commit('add', { put });
    await expect(questions()).rejects.toMatchObject({
      code: 'DATASET_ROW_INVALID',
      file: `${name}/train-1.jsonl`,
      row: 2,
    });
  });

  it('that is gated or private comes for those who may read it', async () => {
    hub.create(name, { type: 'dataset', gated: true }).commit('add', { put: { 'train.parquet': await parquet(1) } });
    for (const token of [undefined, 'hf_reader']) {
      await expect(questions({}, { token })).rejects.toMatchObject({
        code: 'DATASET_GATED',
        retryable: false,
        field: 'dataset.source',
        remedy: expect.stringContaining('Accept its terms on the Hub') as string,
      });
    }
    hub.faults.add('tree', { kind: 'status', status: 403 });
    await expect(questions({}, { token: 'hf_member' })).rejects.toMatchObject({ code: 'DATASET_GATED' });
    await expect(questions({}, { token: 'hf_old' })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    expect(await questions({}, { token: 'hf_member' })).toEqual(['q1']);
    // What one may read is not in the cache of another.
    await expect(questions()).rejects.toMatchObject({ code: 'DATASET_GATED' });
    await expect(questions({}, { offline: true })).rejects.toMatchObject({ code: 'SOURCE_OFFLINE' });
    expect(await questions({}, { token: 'hf_member', offline: true })).toEqual(['q1']);
    hub.create(name, { type: 'dataset', private: true }).commit('add', { put: { 'train.jsonl': lines(1) } });
    await expect(questions()).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    expect(await questions({}, { token: 'hf_reader' })).toEqual(['q1']);
  });

  it('that is not there, or not at that revision, is not found', async () => {
    await expect(questions({}, { token: 'hf_reader' })).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      retryable: false,
    });
    hub.create(name, { type: 'dataset' });
    await expect(questions({ revision: 'v9' })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await expect(questions()).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND', field: 'dataset.source' });
  });

  it.each([
    ['info', { kind: 'status', status: 503 }],
    ['tree', { kind: 'status', status: 429, retryAfter: 1 }],
    ['tree', { kind: 'drop-request' }],
    ['download', { kind: 'status', status: 500 }],
    ['download', { kind: 'drop-request' }],
  ] as const)('is tried again when %s suffers %j', async (call, fault) => {
    const put = { 'train.parquet': await parquet(...Array.from({ length: 200 }, (_, index) => index)) };
    hub.create(name, { type: 'dataset' }).commit('add', { put });
    // A file is asked for again by itself, a few times.
    hub.faults.add(call, fault, call === 'download' ? 20 : 1);
    await expect(questions()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
    hub.faults.clear();
    expect(await questions()).toHaveLength(200);
  });

  it('goes on where its download broke off', async () => {
    const bytes = await parquet(...Array.from({ length: 2000 }, (_, index) => index));
    hub.create(name, { type: 'dataset' }).commit('add', { put: { 'train.parquet': bytes } });
    // The first answer sends on to where the file is, and each next one brings half of what is missing.
    hub.faults.add('download', { kind: 'cut-answer' }, 3);
    expect(await questions()).toHaveLength(2000);
    const half = Math.floor(bytes.length / 2);
    expect(hub.requests.map(({ range }) => range)).toContain(`bytes=${half}-`);
  });

  it('is fetched once, and without a network from then on', async () => {
    const repository = hub.create(name, { type: 'dataset' });
    const put = { 'train-0.jsonl': lines(1), 'train-1.jsonl': lines(2), 'README.md': '# Sums' };
    const { oid } = repository.commit('one', { put });
    expect((await stage()).commit).toBe(oid);
    hub.requests.length = 0;
    expect(await questions()).toEqual(['q1', 'q2']);
    expect(hub.requests.map(({ call }) => call)).toEqual(['info']);
    expect(await questions({ revision: oid })).toEqual(['q1', 'q2']);
    await hub.stop();
    hub.requests.length = 0;
    expect(await questions({}, { offline: true })).toEqual(['q1', 'q2']);
    expect(await questions({ revision: oid }, { offline: true })).toEqual(['q1', 'q2']);
    await expect(questions({ split: 'test' }, { offline: true })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await expect(questions({ revision: 'v2' }, { offline: true })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      message: `${name} at revision v2 is not on this machine, and this service is offline.`,
    });
    expect(hub.requests).toEqual([]);
  });

  it('names each file that is missing without a network', async () => {
    const repository = hub.create(name, { type: 'dataset' });
    repository.commit('one', { put: { 'train.jsonl': lines(1), 'test-0.jsonl': lines(2), 'test-1.jsonl': lines(3) } });
    await questions();
    await expect(questions({ split: 'test' }, { offline: true })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      message: expect.stringContaining(`test-0.jsonl, test-1.jsonl of ${name}`) as string,
    });
  });

  it('is refused when its bytes are not what the Hub says', async () => {
    const repository = hub.create(name, { type: 'dataset' });
    const { files } = repository.commit('one', { put: { 'train.parquet': await parquet(1) } });
    const file = files.get('train.parquet');
    hub.faults.add('download', { kind: 'meanwhile', act: () => void file?.bytes.fill(0x20, 4, 8) });
    await expect(questions()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
  });

  it('of which several configurations are described needs one to be chosen', async () => {
    const config = (config_name: string): string =>
      `- config_name: ${config_name}\n  data_files:\n  - split: train\n    path: ${config_name}/part-*\n`;
    const readme = `---\nconfigs:\n${config('main')}${config('socratic')}---\n# Sums\n`;
    const put = { 'README.md': readme, 'main/part-0.jsonl': lines(1), 'socratic/part-0.jsonl': lines(2) };
    hub.create(name, { type: 'dataset' }).commit('add', { put });
    await expect(questions()).rejects.toMatchObject({
      code: 'SPEC_UNSUPPORTED',
      field: 'dataset.config',
      message: `${name} has several configurations: "main", "socratic".`,
    });
    expect(await questions({ config: 'socratic' })).toEqual(['q2']);
  });

  it('is read with the token that the RunSpec refers to', async () => {
    hub.create(name, { type: 'dataset', gated: true }).commit('add', { put: { 'train.jsonl': lines(1) } });
    const tokenRef = 'env:HF_TOKEN_TEAM';
    const secret = (variable: string) => ({ HF_TOKEN_TEAM: 'hf_member', HF_TOKEN_ODD: 'other' })[variable];
    expect(await questions({ tokenRef }, { secret })).toEqual(['q1']);
    for (const wrong of ['env:HF_TOKEN_NONE', 'env:HF_TOKEN_ODD', 'env:S3_SECRET_KEY'])
      await expect(questions({ tokenRef: wrong }, { secret })).rejects.toMatchObject({
        code: 'SECRET_MISSING',
        field: 'dataset.tokenRef',
      });
  });

  it.each(['info', 'tree', 'download'] as const)('is given up when the Hub is silent: %s', async (call) => {
    hub.create(name, { type: 'dataset' }).commit('add', { put: { 'train.jsonl': lines(1) } });
    hub.faults.add(call, { kind: 'meanwhile', act: () => new Promise(() => undefined) }, 20);
    await expect(questions({}, { stallMs: 100 })).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
  });

  it('needs a network', async () => {
    await hub.stop();
    await expect(questions()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
  });

  it('is no longer fetched once nobody wants it', async () => {
    hub.create(name, { type: 'dataset' }).commit('add', { put: { 'train.jsonl': lines(1) } });
    const abort = new AbortController();
    hub.faults.add('download', { kind: 'meanwhile', act: () => abort.abort('cancelled') });
    await expect(stage({}, {}, abort.signal)).rejects.toBe('cancelled');
  });
});

describe('files of a dataset repository', () => {
  const files = (patterns: string[] | undefined, more: object = {}): ReturnType<typeof fetchHubDataset> =>
    fetchHubDataset({
      repository: name,
      ...(patterns ? { files: patterns } : {}),
      directory: join(folder, 'benchmark'),
      signal: new AbortController().signal,
      field: 'evaluation.benchmarks',
      reach: {
        hub: { endpoint: hub.url, token: undefined },
        cache: new SourceCache(join(folder, 'cache'), 1e9),
        ...more,
      },
    });

  it('come into a folder under their paths, from the cache the next time', async () => {
    const put = { 'data/test-0.jsonl': lines(1), 'data/validation-0.jsonl': lines(2), 'README.md': '#' };
    const { oid } = hub.create(name, { type: 'dataset' }).commit('add', { put });
    const fetched = { commit: oid, files: ['data/test-0.jsonl', 'data/validation-0.jsonl'] };
    expect(await files(['data/*.jsonl'])).toEqual(fetched);
    expect(await readFile(join(folder, 'benchmark', 'data', 'test-0.jsonl'), 'utf8')).toBe(lines(1));
    hub.requests.length = 0;
    expect(await files(['data/*.jsonl'])).toEqual(fetched);
    expect(hub.requests.map(({ call }) => call)).toEqual(['info']);
    await hub.stop();
    expect(await files(['data/*.jsonl'], { offline: true })).toEqual(fetched);
    await expect(files(undefined, { offline: true })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      message: expect.stringContaining('README.md of acme/sums') as string,
      field: 'evaluation.benchmarks',
    });
  });

  it('that nobody has are missing', async () => {
    hub.create(name, { type: 'dataset' });
    await expect(files(['*.parquet'])).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      field: 'evaluation.benchmarks',
    });
  });
});
