import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { artifactSource } from './artifact.source.js';
import { bucketSource } from './bucket.source.js';
import { fileSource } from './file.source.js';
import { httpsSource } from './https.source.js';
import { hubSource } from './hub.source.js';
import { hubTokenOf } from './hub.token.js';
import type { Fetching, Reach } from './reach.js';
import { SourceCache } from './source.cache.js';
import type { SourceField, StagedSource } from './source.js';

const GiB = 1024 ** 3;

interface StageOptions {
  readonly field: SourceField;
  /** A folder for this source alone. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly reach: Reach;
}

/** Brings a source to this machine, whatever it is. */
export async function stageSource(
  dataset: AcceptedRunSpec['dataset'],
  { field, directory, signal, reach }: StageOptions,
): Promise<StagedSource> {
  const { source, split, config } = dataset;
  await mkdir(directory, { recursive: true });
  const options = { field, directory, signal, ...fetchingOf(reach, directory) };
  if (source.startsWith('file:')) return fileSource(source, { roots: reach.fileRoots, field, split, config });
  if (source.startsWith('artifact:')) return artifactSource(source, { ...options, store: requireStore(reach, field) });
  if (source.startsWith('s3:')) return bucketSource(source, { ...options, buckets: reach.buckets, split, config });
  if (/^https?:/.test(source)) return httpsSource(source, options);
  const { tokenRef } = dataset;
  const token = tokenRef === undefined ? reach.hub.token : hubTokenOf(tokenRef, reach.secret ?? (() => undefined));
  return hubSource(dataset, { ...options, endpoint: reach.hub.endpoint, token });
}

/** What every fetch takes; without a cache, what is fetched lasts as long as the folder. */
export function fetchingOf(reach: Partial<Reach>, directory: string): Fetching {
  return {
    cache: reach.cache ?? new SourceCache(join(directory, '.fetched'), Number.MAX_SAFE_INTEGER),
    httpsTargets: reach.httpsTargets ?? ['public'],
    maxBytes: reach.maxBytes ?? 100 * GiB,
    offline: reach.offline ?? false,
    stallMs: reach.stallMs ?? 60_000,
  };
}

function requireStore({ store }: Reach, field: SourceField): NonNullable<Reach['store']> {
  if (store) return store;
  throw new Failure('SPEC_UNSUPPORTED', `${field} names an artifact, and there is no object store here.`, {
    remedy: 'Name a local file as file:PATH.',
    field,
  });
}
