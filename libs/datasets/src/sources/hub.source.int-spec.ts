import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parseRunSpec, type AcceptedRunSpec } from '@anneal/contracts';
import { startHub, type SmallHub } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRows } from '../rows/read.rows.js';
import { hubSource } from './hub.source.js';
import type { StagedSource } from './source.js';

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

function stage(more: object = {}, token?: string, signal = new AbortController().signal): Promise<StagedSource> {
  return hubSource(dataset(more), { field: 'dataset.source', directory: folder, signal, endpoint: hub.url, token });
}

async function questions(more: object = {}, token?: string): Promise<string[]> {
  const rows: string[] = [];
  for await (const { messages } of readRows(await stage(more, token), dataset(more)))
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
    for (const token of [undefined, 'hf_reader', 'hf_old']) {
      await expect(questions({}, token)).rejects.toMatchObject({
        code: 'DATASET_NOT_FOUND',
        retryable: false,
        remedy: expect.stringContaining('accept its terms and set HF_TOKEN') as string,
      });
    }
    expect(await questions({}, 'hf_member')).toEqual(['q1']);
    hub.create(name, { type: 'dataset', private: true }).commit('add', { put: { 'train.jsonl': lines(1) } });
    await expect(questions()).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    expect(await questions({}, 'hf_reader')).toEqual(['q1']);
  });

  it('that is not there, or not at that revision, is not found', async () => {
    await expect(questions({}, 'hf_reader')).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND', retryable: false });
    hub.create(name, { type: 'dataset' });
    await expect(questions({ revision: 'v9' })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    await expect(questions()).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND', field: 'dataset.split' });
  });

  it.each([
    ['info', { kind: 'status', status: 503 }],
    ['tree', { kind: 'status', status: 429, retryAfter: 1 }],
    ['tree', { kind: 'drop-request' }],
    ['download', { kind: 'status', status: 500 }],
    ['download', { kind: 'cut-answer' }],
  ] as const)('is tried again when %s suffers %j', async (call, fault) => {
    const put = { 'train.parquet': await parquet(...Array.from({ length: 200 }, (_, index) => index)) };
    hub.create(name, { type: 'dataset' }).commit('add', { put });
    // A file is asked for three times: where it is, from there, and for all its bytes.
    hub.faults.add(call, fault, call === 'download' && fault.kind === 'cut-answer' ? 3 : 1);
    await expect(questions()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
    hub.faults.clear();
    expect(await questions()).toHaveLength(200);
  });

  it('needs a network', async () => {
    await hub.stop();
    await expect(questions()).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
  });

  it('is no longer fetched once nobody wants it', async () => {
    hub.create(name, { type: 'dataset' }).commit('add', { put: { 'train.jsonl': lines(1) } });
    const abort = new AbortController();
    hub.faults.add('download', { kind: 'meanwhile', act: () => abort.abort('cancelled') });
    await expect(stage({}, undefined, abort.signal)).rejects.toBe('cancelled');
  });
});
