import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { downloadFile, HubApiError, listFiles } from '@huggingface/hub';
import { formatOf } from './file.source.js';
import type { StagedSource } from './source.js';

interface HubOptions {
  directory: string;
  signal: AbortSignal;
  endpoint: string;
  token: string | undefined;
}

/** Fetches the one file of a Hub dataset that holds the wanted configuration and split. */
export async function hubSource(dataset: AcceptedRunSpec['dataset'], options: HubOptions): Promise<StagedSource> {
  const name = dataset.source.replace(/^hub:/, '');
  try {
    const path = await chooseFile(dataset, name, options);
    const target = join(options.directory, `source${path.endsWith('.parquet') ? '.parquet' : '.jsonl'}`);
    const blob = await downloadFile({ ...repository(name, options), path, revision: dataset.revision });
    if (!blob) throw notFound(`${name} lists ${path}, but does not deliver it`);
    await pipeline(Readable.fromWeb(blob.stream()), createWriteStream(target), { signal: options.signal });
    return { path: target, name: `${name}/${path}`, format: await formatOf(target, path) };
  } catch (error) {
    throw toHubFailure(error, name);
  }
}

function repository(name: string, { endpoint, token }: HubOptions) {
  return {
    repo: { type: 'dataset' as const, name },
    hubUrl: endpoint,
    ...(token === undefined ? {} : { accessToken: token }),
  };
}

async function chooseFile(dataset: AcceptedRunSpec['dataset'], name: string, options: HubOptions): Promise<string> {
  const files: string[] = [];
  for await (const file of listFiles({ ...repository(name, options), recursive: true, revision: dataset.revision })) {
    if (file.type === 'file' && /\.(parquet|jsonl)$/.test(file.path)) files.push(file.path);
  }
  const inConfig =
    dataset.config === undefined ? files : files.filter((path) => path.split('/').includes(dataset.config ?? ''));
  const inSplit = inConfig.filter((path) => (path.split('/').at(-1) ?? '').startsWith(dataset.split));
  const candidates = inSplit.length > 0 ? inSplit : inConfig;
  const [only, ...more] = candidates;
  if (only === undefined) throw notFound(`${name} has no .parquet or .jsonl file for split "${dataset.split}"`);
  if (more.length > 0) {
    throw new Failure(
      'SPEC_UNSUPPORTED',
      `${name} keeps split "${dataset.split}" in ${candidates.length} files, and only sets of one file can be fetched.`,
      {
        remedy: 'Join the shards into one parquet file and name it as file:PATH.',
        field: 'dataset.source',
      },
    );
  }
  return only;
}

function notFound(what: string): Failure {
  return new Failure('DATASET_NOT_FOUND', `${what}.`, {
    remedy: 'Check dataset.source, config, split and revision.',
    field: 'dataset.source',
  });
}

function toHubFailure(error: unknown, name: string): unknown {
  if (error instanceof HubApiError) {
    if (error.statusCode === 401 || error.statusCode === 403) {
      return new Failure('DATASET_NOT_FOUND', `The Hub does not let this service read ${name}.`, {
        remedy: 'Check the name; for a gated dataset accept its terms and set HF_TOKEN for the dataset service.',
        field: 'dataset.source',
        cause: error,
      });
    }
    if (error.statusCode === 404) return notFound(`The Hub has no dataset ${name} at that revision`);
    return new Failure('HUB_UNAVAILABLE', `The Hub answered ${error.statusCode} for ${name}.`, {
      remedy: 'It is tried again.',
      cause: error,
    });
  }
  if (error instanceof TypeError) {
    return new Failure('HUB_UNAVAILABLE', `The Hub could not be reached for ${name}.`, {
      remedy: 'It is tried again; without a way to the Hub, name a local file as file:PATH.',
      cause: error,
    });
  }
  return error;
}
