import { missingOffline } from '@anneal/outbound';
import { Failure } from '@anneal/contracts';
import { openHttp } from './http.download.js';
import { hubStatusFailure, hubUnavailable, type HubAccess, type HubFile, type HubListing } from './hub.listing.js';

/** Latency, not bandwidth, is what many small shards wait for. */
const filesAtOnce = 4;

/** A file of a dataset, and where it is put. */
export interface Wanted {
  readonly file: HubFile;
  readonly target: string;
}

/** Brings files of a dataset here, each as its commit says, from the cache when they are in it. */
export async function fetchFiles(
  name: string,
  { commit, reader }: HubListing,
  wanted: readonly Wanted[],
  access: HubAccess,
): Promise<void> {
  const { maxBytes } = access;
  const bytes = wanted.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > maxBytes) {
    throw new Failure('DATASET_TOO_LARGE', `${name} has ${bytes} bytes, and ${maxBytes} is the most that is fetched.`, {
      remedy: 'Choose a smaller configuration, or let the operator raise SOURCE_MAX_GIB.',
      field: access.field,
    });
  }
  if (access.offline) return placeFiles(name, reader, commit, wanted, access);
  for (let from = 0; from < wanted.length; from += filesAtOnce) {
    const some = wanted.slice(from, from + filesAtOnce);
    // All of them end before an error leaves, so that nothing still writes when the caller cleans up.
    const ends = await Promise.allSettled(some.map((one) => fetchFile(name, commit, reader, one, access)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
}

async function placeFiles(
  name: string,
  reader: string,
  commit: string,
  wanted: readonly Wanted[],
  { cache, field }: HubAccess,
): Promise<void> {
  const missing: string[] = [];
  for (const { file, target } of wanted)
    if (!(await cache.place(identityOf(name, commit, reader, file), target))) missing.push(file.path);
  if (missing.length > 0) throw missingOffline(`${missing.join(', ')} of ${name}`, field);
}

async function fetchFile(
  name: string,
  commit: string,
  reader: string,
  { file, target }: Wanted,
  { cache, endpoint, token, stallMs, maxBytes, field, signal }: HubAccess,
): Promise<void> {
  const path = file.path.split('/').map(encodeURIComponent).join('/');
  const url = `${endpoint}/datasets/${name}/resolve/${commit}/${path}`;
  const open = openHttp(url, {
    // The operator chose the Hub, and it may be one of the own network.
    targets: ['any'],
    token,
    stallMs,
    immutable: true,
    refuse: (status, headers) => hubStatusFailure(status, name, field, headers['x-error-code'] === 'GatedRepo'),
  });
  const download = { name: `${name}/${file.path}`, size: file.size, digest: file.digest, maxBytes, stallMs, open };
  try {
    await cache.fetch(identityOf(name, commit, reader, file), target, download, signal);
  } catch (error) {
    if (error instanceof Failure && error.code === 'SOURCE_UNAVAILABLE')
      throw hubUnavailable(error.message.replace(/\.$/, ''), error);
    throw error;
  }
}

/** By its digest, so that the same file is fetched once whatever commits it stands in. */
function identityOf(name: string, commit: string, reader: string, { path, digest }: HubFile): string {
  return digest ? `hub ${digest.algorithm} ${digest.hex} ${reader}` : `hub ${name} ${commit} ${path} ${reader}`;
}
