import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BucketObject } from '@anneal/artifacts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bucketSource } from './bucket.source.js';
import { SourceCache } from './source.cache.js';

let folder: string;
let objects: Record<string, string>;
let opened: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-bucket-'));
  opened = [];
  objects = {
    'sets/train-1.jsonl': '{"a":2}\n',
    'sets/train-0.jsonl': '{"a":1}\n',
    'sets/test.jsonl': '{"a":9}\n',
    one: '{"a":3}',
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function objectOf(key: string): BucketObject | undefined {
  const text = objects[key];
  if (text === undefined) return undefined;
  const hex = createHash('md5').update(text).digest('hex');
  return { bucket: 'data', key, size: text.length, etag: hex, digest: { algorithm: 'md5', hex } };
}

const buckets = {
  has: (bucket: string) => bucket === 'data',
  find: (_bucket: string, key: string) => Promise.resolve(objectOf(key)),
  list: (_bucket: string, prefix: string) =>
    Promise.resolve(
      Object.keys(objects)
        .filter((key) => key.startsWith(prefix))
        .flatMap((key) => objectOf(key) ?? []),
    ),
  open: ({ key }: BucketObject, offset: number) => {
    opened.push(key);
    return Promise.resolve(Readable.from([Buffer.from(objects[key] ?? '').subarray(offset)]));
  },
};

let staged = 0;
async function stage(reference: string, more: object = {}): Promise<string[]> {
  staged += 1;
  const { files } = await bucketSource(reference, {
    field: 'dataset.source',
    directory: await mkdtemp(join(folder, `staged-${staged}-`)),
    signal: new AbortController().signal,
    cache: new SourceCache(join(folder, 'cache'), 1e9),
    httpsTargets: [],
    maxBytes: 1000,
    offline: true,
    stallMs: 1000,
    buckets,
    split: 'train',
    config: undefined,
    ...more,
  });
  return files.map(({ name }) => name);
}

describe('a source in a bucket', () => {
  it('is an object, or all of a split below a prefix', async () => {
    expect(await stage('s3:data/one')).toEqual(['s3:data/one']);
    const both = ['s3:data/sets/train-0.jsonl', 's3:data/sets/train-1.jsonl'];
    expect(await stage('s3:data/sets')).toEqual(both);
    expect(await stage('s3://data/sets/')).toEqual(both);
    expect(await stage('s3:data/sets', { split: 'test' })).toEqual(['s3:data/sets/test.jsonl']);
  });

  it('is fetched once, until it is another one', async () => {
    await stage('s3:data/one');
    await stage('s3:data/one');
    expect(opened).toEqual(['one']);
    objects['one'] = '{"a":4}';
    await stage('s3:data/one');
    expect(opened).toEqual(['one', 'one']);
  });

  it.each([
    ['s3:secrets/one', {}, { code: 'DATASET_NOT_FOUND', remedy: expect.stringContaining('DATA_BUCKETS') as string }],
    ['s3:data/one', { buckets: undefined }, { code: 'DATASET_NOT_FOUND' }],
    ['s3:data/gone', {}, { code: 'DATASET_NOT_FOUND', message: expect.stringContaining('s3:data/gone') as string }],
    ['s3:data/sets', { maxBytes: 10 }, { code: 'DATASET_TOO_LARGE' }],
  ])('is refused: %s %j', async (reference, more, failure) => {
    await expect(stage(reference, more)).rejects.toMatchObject({
      ...failure,
      field: 'dataset.source',
      retryable: false,
    });
  });

  it('is refused when its bytes are not what the store says', async () => {
    const open = (): Promise<Readable> => Promise.resolve(Readable.from([Buffer.from('{"b":3}')]));
    await expect(stage('s3:data/one', { buckets: { ...buckets, open } })).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      retryable: true,
    });
  });
});
