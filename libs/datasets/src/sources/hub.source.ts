import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { datasetInfo, fileDownloadInfo, HubApiError, listFiles } from '@huggingface/hub';
import { formatOf } from './file.source.js';
import { chooseFiles } from './hub.files.js';
import type { SourceField, SourceFile, StagedSource } from './source.js';

interface HubOptions {
  field: SourceField;
  directory: string;
  signal: AbortSignal;
  endpoint: string;
  token: string | undefined;
}

/** What every call to the Hub's client takes. */
interface Call {
  readonly repo: { type: 'dataset'; name: string };
  readonly hubUrl: string;
  readonly accessToken?: string;
  readonly fetch: typeof fetch;
}

/** A file to be fetched, and where to. */
interface Download {
  readonly path: string;
  readonly revision: string;
  readonly target: string;
  readonly signal: AbortSignal;
  readonly field: SourceField;
}

/** Fetches the files of a Hub dataset that hold the wanted configuration and split, all from one commit. */
export async function hubSource(dataset: AcceptedRunSpec['dataset'], options: HubOptions): Promise<StagedSource> {
  const name = dataset.source.replace(/^hub:/, '');
  const call = callOf(name, options);
  try {
    // A branch may move between two downloads; a commit does not.
    const { sha } = await datasetInfo({ ...call, name, revision: dataset.revision, additionalFields: ['sha'] });
    const paths: string[] = [];
    for await (const { type, path } of listFiles({ ...call, recursive: true, revision: sha })) {
      if (type === 'file') paths.push(path);
    }
    const files: SourceFile[] = [];
    for (const [index, path] of chooseFiles(paths, name, dataset).entries()) {
      const target = join(options.directory, `source-${index}${extname(path)}`);
      await download(call, { path, revision: sha, target, signal: options.signal, field: options.field });
      files.push({ path: target, name: `${name}/${path}`, format: await formatOf(target, path) });
    }
    return { name, files };
  } catch (error) {
    throw toHubFailure(error, name, options.field);
  }
}

function callOf(name: string, { endpoint, token, signal }: HubOptions): Call {
  return {
    repo: { type: 'dataset', name },
    hubUrl: endpoint,
    fetch: (input, init) => fetch(input, { ...init, signal }),
    ...(token === undefined ? {} : { accessToken: token }),
  };
}

/**
 * The client finds the file; the bytes are fetched without it, since its blobs hide a download that breaks off
 * (`WebBlob.stream` aborts with a bare string) and go on when they are no longer wanted.
 */
async function download(call: Call, { path, revision, target, signal, field }: Download): Promise<void> {
  const found = await fileDownloadInfo({ ...call, path, revision });
  if (!found) throw notFound(`${call.repo.name} lists ${path}, but does not deliver it`, field);
  const headers = call.accessToken === undefined ? {} : { authorization: `Bearer ${call.accessToken}` };
  const response = await call.fetch(found.url, { headers });
  if (!response.ok || !response.body) throw new HubApiError(response.url, response.status);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(target), { signal });
  const { size } = await stat(target);
  if (size !== found.size) throw unavailable(`The Hub delivered ${size} of the ${found.size} bytes of ${path}`);
}

function notFound(what: string, field: SourceField): Failure {
  return new Failure('DATASET_NOT_FOUND', `${what}.`, {
    remedy: `Check ${field}, config, split and revision.`,
    field,
  });
}

function unavailable(what: string, cause?: unknown): Failure {
  return new Failure('HUB_UNAVAILABLE', `${what}.`, {
    remedy: 'It is tried again; without a way to the Hub, name a local file as file:PATH.',
    cause,
  });
}

/** An answer of the Hub is not kept as a cause: its message holds the URL, which may be as good as a key. */
function toHubFailure(error: unknown, name: string, field: SourceField): unknown {
  if (error instanceof HubApiError) {
    const { statusCode: status } = error;
    if (status === 401 || status === 403) {
      return new Failure('DATASET_NOT_FOUND', `The Hub does not let this service read ${name}.`, {
        remedy: 'Check the name; for a gated dataset accept its terms and set HF_TOKEN for the dataset service.',
        field,
      });
    }
    if (status === 404) return notFound(`The Hub has no dataset ${name} at that revision`, field);
    return unavailable(`The Hub answered ${status} for ${name}`);
  }
  // What `fetch` throws when there is no answer, and when an answer breaks off.
  if (error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)) {
    return unavailable(`The Hub could not be reached for ${name}`, error);
  }
  return error;
}
