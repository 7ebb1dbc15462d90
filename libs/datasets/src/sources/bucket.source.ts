import { join } from 'node:path';
import type { BucketObject, DataBuckets } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import { dataFile } from '../readers/file.format.js';
import { stagedFile } from './file.source.js';
import { chooseFiles } from './hub.files.js';
import type { Fetching } from './reach.js';
import type { SourceField, SourceFile, StagedSource } from './source.js';

type Buckets = Pick<DataBuckets, 'has' | 'find' | 'list' | 'open'>;

interface BucketOptions extends Fetching {
  readonly field: SourceField;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly buckets: Buckets | undefined;
  readonly split: string;
  readonly config: string | undefined;
}

/** Fetches an object, or those below a prefix that hold the wanted split, from a bucket that the operator allows. */
export async function bucketSource(reference: string, options: BucketOptions): Promise<StagedSource> {
  const { field, directory, signal, buckets, cache, maxBytes, stallMs } = options;
  const [bucket = '', ...rest] = reference.replace(/^s3:(\/\/)?/, '').split('/');
  const key = rest.join('/');
  const name = `s3:${bucket}/${key}`;
  if (!buckets?.has(bucket)) {
    throw new Failure('DATASET_NOT_FOUND', `${field} names the bucket ${bucket}, which this service may not read.`, {
      remedy: 'Add it to DATA_BUCKETS of the dataset service, or name another source.',
      field,
    });
  }
  const objects = await wantedObjects(buckets, bucket, key, name, options);
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  if (bytes > maxBytes) {
    throw new Failure('DATASET_TOO_LARGE', `${name} has ${bytes} bytes, and ${maxBytes} is the most that is fetched.`, {
      remedy: 'Name a part of it, or let the operator raise SOURCE_MAX_GIB.',
      field,
    });
  }
  const files: SourceFile[] = [];
  for (const [index, object] of objects.entries()) {
    const named = `s3:${bucket}/${object.key}`;
    const target = join(directory, `source-${index}`);
    const { size, etag, digest } = object;
    const open = async (offset: number, now: AbortSignal) => ({
      offset,
      bytes: await buckets.open(object, offset, now),
    });
    await cache.fetch(
      `${named} ${etag} ${size}`,
      target,
      { name: named, size, digest, maxBytes, stallMs, open },
      signal,
    );
    files.push(await stagedFile(target, named));
  }
  return { name, files };
}

async function wantedObjects(
  buckets: Buckets,
  bucket: string,
  key: string,
  name: string,
  { split, config, field, signal }: BucketOptions,
): Promise<BucketObject[]> {
  const object = key.endsWith('/') ? undefined : await buckets.find(bucket, key, signal);
  if (object) return [object];
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`;
  const below = (await buckets.list(bucket, folder)).filter((one) => dataFile.test(one.key));
  const inside = new Map(below.map((one) => [one.key.slice(folder.length), one]));
  if (inside.size === 0) {
    throw new Failure('DATASET_NOT_FOUND', `There is no object ${name}, and no file of rows below it.`, {
      remedy: 'Check the key; a prefix names all .parquet, .jsonl, .json and .csv files below it.',
      field,
    });
  }
  const chosen: BucketObject[] = [];
  for (const path of chooseFiles([...inside.keys()], name, { split, config }, field)) {
    const one = inside.get(path);
    // Asked again, for what a list does not say: the digest.
    if (one) chosen.push((await buckets.find(bucket, one.key, signal)) ?? one);
  }
  return chosen;
}
