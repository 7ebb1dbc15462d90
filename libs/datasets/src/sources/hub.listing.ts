import { createHash } from 'node:crypto';
import { missingOffline } from '@anneal/outbound';
import { Failure } from '@anneal/contracts';
import { datasetInfo, HubApiError, listFiles } from '@huggingface/hub';
import { z } from 'zod';
import type { Fetching } from './reach.js';

export interface HubAccess extends Fetching {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  /** The field of the RunSpec that names the dataset. */
  readonly field: string;
}

const hubFile = z.object({
  path: z.string(),
  size: z.int().min(0),
  digest: z.object({ algorithm: z.enum(['sha256', 'md5', 'git']), hex: z.string() }).optional(),
});
const hubListing = z.object({
  commit: z.string(),
  /** Who may read it: everybody when empty, else those with this token. */
  reader: z.string(),
  files: z.array(hubFile),
});
export type HubFile = z.infer<typeof hubFile>;
export type HubListing = z.infer<typeof hubListing>;

const isCommit = /^[0-9a-f]{40}$/;

/** The files of a dataset at a revision, all from one commit: a branch may move between two downloads. */
export async function listDataset(name: string, revision: string, access: HubAccess): Promise<HubListing> {
  const { cache, endpoint, offline, field } = access;
  const mine = access.token === undefined ? undefined : createHash('sha256').update(access.token).digest('hex');
  // What only some may read is found again by those alone who fetched it with the same token.
  const keyOf = (commit: string, reader: string): string => `hub ${endpoint} ${name} ${commit} ${reader}`;
  const known = (commit: string, reader: string): Promise<HubListing | undefined> =>
    cache.note(keyOf(commit, reader), hubListing);
  if (isCommit.test(revision) || offline) {
    const found = (await known(revision, '')) ?? (mine === undefined ? undefined : await known(revision, mine));
    if (found) return found;
  }
  if (offline) throw missingOffline(`${name} at revision ${revision}`, field);
  let isGated = false;
  try {
    const { sha, gated, closed } = await commitOf(name, revision, access);
    isGated = gated;
    const reader = closed ? (mine ?? 'nobody') : '';
    const listing = (await known(sha, reader)) ?? { commit: sha, reader, files: await filesOf(name, sha, access) };
    await cache.setNote(keyOf(sha, reader), listing);
    // For the times without a network.
    if (revision !== sha) await cache.setNote(keyOf(revision, reader), listing);
    return listing;
  } catch (error) {
    access.signal.throwIfAborted();
    throw toHubFailure(error, name, field, isGated);
  }
}

interface HubCommit {
  readonly sha: string;
  /** Files for those only who accepted its terms. */
  readonly gated: boolean;
  /** Gated or private. */
  readonly closed: boolean;
}

async function commitOf(name: string, revision: string, access: HubAccess): Promise<HubCommit> {
  const info = await datasetInfo({ ...callOf(access), name, revision, additionalFields: ['sha'] });
  const gated = info.gated !== false;
  return { sha: info.sha, gated, closed: gated || info.private };
}

async function filesOf(name: string, revision: string, access: HubAccess): Promise<HubFile[]> {
  const files: HubFile[] = [];
  const repo = { type: 'dataset' as const, name };
  for await (const { type, path, size, oid, lfs } of listFiles({
    ...callOf(access),
    repo,
    recursive: true,
    revision,
  })) {
    if (type !== 'file') continue;
    const digest = lfs
      ? { algorithm: 'sha256' as const, hex: lfs.oid }
      : oid === undefined
        ? undefined
        : { algorithm: 'git' as const, hex: oid };
    files.push({ path, size: lfs?.size ?? size, ...(digest ? { digest } : {}) });
  }
  return files;
}

function callOf({ endpoint, token, signal, stallMs }: HubAccess) {
  return {
    hubUrl: endpoint,
    fetch: ((input, init) =>
      fetch(input, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(stallMs)]) })) as typeof fetch,
    ...(token === undefined ? {} : { accessToken: token }),
  };
}

export function hubUnavailable(what: string, cause?: unknown): Failure {
  return new Failure('HUB_UNAVAILABLE', `${what}.`, {
    remedy: 'It is tried again; without a way to the Hub, name a local file as file:PATH.',
    cause,
  });
}

/** What a status of the Hub means; its answers are not kept as a cause: they hold the URL, which may be as good as a key. */
export function hubStatusFailure(status: number, name: string, field: string, isGated = false): Failure {
  if (isGated && (status === 401 || status === 403)) {
    return new Failure('DATASET_GATED', `${name} is gated, and the token of this service may not read it.`, {
      remedy:
        'Accept its terms on the Hub with the account of the token, and set HF_TOKEN for the dataset service or name its variable in dataset.tokenRef.',
      field,
    });
  }
  if (status === 401 || status === 403) {
    return new Failure('DATASET_NOT_FOUND', `The Hub does not let this service read ${name}.`, {
      remedy:
        'Check the name; for a private dataset set HF_TOKEN for the dataset service, or name it in dataset.tokenRef.',
      field,
    });
  }
  if (status === 404) {
    return new Failure('DATASET_NOT_FOUND', `The Hub has no dataset ${name} at that revision.`, {
      remedy: `Check ${field}, config, split and revision.`,
      field,
    });
  }
  return hubUnavailable(`The Hub answered ${status} for ${name}`);
}

function toHubFailure(error: unknown, name: string, field: string, isGated: boolean): unknown {
  if (error instanceof HubApiError) return hubStatusFailure(error.statusCode, name, field, isGated);
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
  // What `fetch` throws when there is no answer, and when an answer breaks off.
  if (timedOut || (error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)))
    return hubUnavailable(`The Hub could not be reached for ${name}`, error);
  return error;
}
