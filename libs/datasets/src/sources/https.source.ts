import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { type Answer, get, missingOffline, shown } from '@anneal/outbound';
import { z } from 'zod';
import type { KnownDigest } from './download.js';
import { stagedFile } from './file.source.js';
import { openedAt, openHttp } from './http.download.js';
import type { Fetching } from './reach.js';
import type { SourceField, StagedSource } from './source.js';

interface HttpsOptions extends Fetching {
  readonly field: SourceField;
  readonly directory: string;
  readonly signal: AbortSignal;
}

/** What an address had last: the name of its content in the cache, and what the server calls it. */
const known = z.object({ identity: z.string(), etag: z.string().optional(), modified: z.string().optional() });
type Known = z.infer<typeof known>;

/** Fetches the file at an address, unless the server says that it is the one that is here already. */
export async function httpsSource(url: string, options: HttpsOptions): Promise<StagedSource> {
  const { field, directory } = options;
  const name = URL.canParse(url) ? shown(new URL(url)) : url;
  const target = join(directory, 'source-0');
  try {
    await fetchTo(target, url, name, options);
  } catch (error) {
    throw withField(error, field);
  }
  return { name, files: [await stagedFile(target, name)] };
}

async function fetchTo(target: string, url: string, name: string, options: HttpsOptions): Promise<void> {
  const { cache, maxBytes, signal, field, httpsTargets: targets, stallMs } = options;
  const last = await cache.note(`https ${url}`, known);
  const isHere = last !== undefined && (await cache.place(last.identity, `${target}.last`)) !== undefined;
  if (options.offline) {
    if (!isHere) throw missingOffline(name, field);
    await cache.place(last.identity, target);
    return;
  }
  const http = { targets, stallMs };
  const answer = await get(url, { ...http, headers: isHere ? conditionOf(last) : {}, signal });
  if (answer.status === 304 && isHere) {
    answer.body.destroy();
    await cache.place(last.identity, target);
    return;
  }
  const refuse = (status: number): Failure => statusFailure(status, name, field);
  let first: ReturnType<typeof openedAt> | undefined = openedAt(answer, refuse);
  const { etag, 'last-modified': modified } = answer.headers;
  const encoded = answer.headers['content-encoding'] !== undefined;
  const length = answer.headers['content-length'];
  const size = length === undefined ? undefined : Number(length);
  // Without a name for its content, nothing can be said to be the same: it is kept for the times without a network only.
  const identity = `https ${url} ${etag ?? modified ?? randomUUID()} ${size ?? ''}`;
  const again = openHttp(url, { ...http, etag, refuse });
  const digest = encoded ? undefined : digestIn(answer.headers);
  const open: typeof again = async (offset, now) => {
    const opened = first;
    first = undefined;
    if (opened && offset === 0) return opened;
    answer.body.destroy();
    return again(offset, now);
  };
  try {
    await cache.fetch(identity, target, { name, size, digest, maxBytes, stallMs, open }, signal);
  } finally {
    answer.body.destroy();
  }
  await cache.setNote(`https ${url}`, { identity, etag, modified });
}

function conditionOf({ etag, modified }: Known): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag };
  return modified === undefined ? {} : { 'if-modified-since': modified };
}

/** Of headers that say the SHA-256 of the whole file: RFC 9530, and what stores send. An ETag may be anything. */
function digestIn(headers: Answer['headers']): KnownDigest | undefined {
  const field = headers['repr-digest'] ?? headers['content-digest'];
  const base64 =
    /(?:^|,\s*)sha-256=:([A-Za-z0-9+/=]+):/.exec(String(field ?? ''))?.[1] ?? headers['x-amz-checksum-sha256'];
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]{43}=$/.test(base64)) return undefined;
  return { algorithm: 'sha256', hex: Buffer.from(base64, 'base64').toString('hex') };
}

function statusFailure(status: number, name: string, field: SourceField): Failure {
  if (status === 408 || status === 429 || status >= 500) {
    return new Failure('SOURCE_UNAVAILABLE', `${name} answers ${status}.`, {
      remedy: 'It is tried again; if it stays, look at the server.',
      field,
    });
  }
  const closed = status === 401 || status === 403;
  return new Failure('DATASET_NOT_FOUND', `${name} ${closed ? 'is not for everybody' : 'is not there'} (${status}).`, {
    remedy: closed
      ? 'Name an address that needs no key, or upload the file and name it as artifact:DIGEST.'
      : `Check ${field}.`,
    field,
  });
}

/** The address is what the user wrote, so it is the field that is at fault. */
function withField(error: unknown, field: SourceField): unknown {
  if (!(error instanceof Failure) || error.field !== undefined) return error;
  if (!['SOURCE_REFUSED', 'DATASET_TOO_LARGE', 'DATASET_UNREADABLE'].includes(error.code)) return error;
  return Failure.fromDetail({ ...error.toDetail(), field });
}
