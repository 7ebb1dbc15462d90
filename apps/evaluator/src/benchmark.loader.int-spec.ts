import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtifactCache, connectStore } from '@anneal/artifacts';
import { specWith, startHub, type SmallHub } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BenchmarkLoader } from './benchmark.loader.js';
import { evaluatorConfig } from './evaluator.config.js';

const repository = 'acme/mmlu-pro';
let folder: string;
let hub: SmallHub;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-loader-'));
  hub = await startHub();
});
afterEach(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

const line = (id: number, more: object = {}): string =>
  `${JSON.stringify({ question_id: id, question: `q${id}`, options: ['x', 'y', 'z'], answer: 'B', category: 'math', ...more })}\n`;
const validation = line(1, { cot_content: "A: Let's think step by step." });

/** Loads as the service does; nothing of it asks the store. */
function load(revision: string, more: Record<string, string> = {}) {
  const config = evaluatorConfig.parse({
    ...{ NATS_URL: 'nats://127.0.0.1:9', POSTGRES_URL: 'postgres://x@127.0.0.1:9/x', ENGINE_PYTHON: 'python' },
    ...{ S3_ENDPOINT: 'http://127.0.0.1:9', S3_ACCESS_KEY: 'x', S3_SECRET_KEY: 'xxxxxxxx', S3_BUCKET: 'bucket' },
    ...{ WORK_DIR: folder, FILE_ROOTS: folder, HF_ENDPOINT: hub.url, ...more },
  });
  const store = connectStore({
    ...{ endpoint: config.S3_ENDPOINT, accessKey: 'x', secretKey: 'xxxxxxxx', bucket: 'x', region: 'x' },
  });
  const loader = new BenchmarkLoader(config, store, new ArtifactCache(store, join(folder, 'artifacts'), Infinity));
  const spec = specWith({ benchmarks: [{ name: 'mmlu-pro', source: repository, revision }] });
  return loader.load(spec, undefined, new AbortController().signal);
}

describe('a benchmark of the Hub', () => {
  it('comes in the revision that is pinned, from its files alone, and once', async () => {
    const made = hub.create(repository, { type: 'dataset' });
    const put = { 'data/test-00000-of-00001.jsonl': line(7), 'data/validation-00000-of-00001.jsonl': validation };
    const { oid } = made.commit('first', { put: { ...put, 'data/train.jsonl': 'large' } });
    const { oid: later } = made.commit('later', { put: { 'data/test-00000-of-00001.jsonl': line(8) } });
    const [pinned] = await load(oid);
    expect(pinned?.items.map(({ id }) => id)).toEqual(['7']);
    expect(pinned?.settings).toMatchObject({ source: repository, revision: oid });
    const [newest] = await load('main');
    expect(newest?.items.map(({ id }) => id)).toEqual(['8']);
    // A branch moves: what it was is kept, not its name alone.
    expect(newest?.settings).toMatchObject({ revision: later, asked: 'main' });
    const downloads = (): string[] => hub.requests.filter(({ call }) => call === 'download').map(({ path }) => path);
    const before = downloads().length;
    expect(downloads().some((path) => path.includes('train'))).toBe(false);
    await load(oid);
    expect(downloads()).toHaveLength(before);
    expect(readdirSync(join(folder, 'evaluator', 'run-1'))).toEqual([]);
  });

  it('says what is missing, and asks nothing where it must not', async () => {
    await expect(load('main')).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND', field: 'evaluation.benchmarks' });
    const asked = hub.requests.length;
    await expect(load('main', { OFFLINE: 'true' })).rejects.toMatchObject({ code: 'SOURCE_OFFLINE' });
    expect(hub.requests).toHaveLength(asked);
    expect(existsSync(join(folder, 'evaluator'))).toBe(true);
  });
});
