import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, manifestFile, sha256, type ManifestFile } from '@anneal/contracts';
import { z } from 'zod';
import type { Connection } from './connection.js';
import { contentKey, manifestKey, openManifest, type SealedManifest } from './manifest.js';
import { getObject } from './object.js';
import { inParallel, withRetry } from './retry.js';
import { isMissing } from './store-failure.js';
import { isStored } from './upload.js';

const atOnce = 8;
const lookMs = 250;
/** Longer than a removal that was cut needs to be taken up again. */
const patienceMs = 30 * 60 * 1000;
const prefix = 'removals/';

/** What is about to go with an artifact: told before it goes, to whoever stores the same bytes meanwhile. */
const removal = z.object({ files: z.array(manifestFile) });

/** What a removal gave back. */
export interface Removed {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Removes artifacts, and those of their files that no other artifact lists. An artifact that is removed already, or half, is no
 * error: doing it again takes up what was cut.
 *
 * Bytes are shared, and others store artifacts meanwhile. A removal therefore says first what is to go, and then looks at the
 * manifests; `isWhole` looks at what is to go after it has written a manifest. So one of the two sees the other.
 */
export async function removeArtifacts(
  connection: Connection,
  digests: readonly string[],
  signal?: AbortSignal,
): Promise<Removed> {
  const lists = new Map<string, ManifestFile[]>();
  for (const digest of digests) lists.set(digest, await filesOf(connection, digest, signal));
  const free = new Map([...lists.values()].flat().map((file) => [file.sha256, file]));
  const seen = new Set(digests);
  // Most of what is shared is found before anybody is made to wait for it.
  await keepListed(connection, free, seen, signal);
  for (const [digest, files] of lists) await announce(connection, digest, withFree(files, free), signal);
  for (const digest of digests) await removeObject(connection, manifestKey(digest), signal);
  await keepListed(connection, free, seen, signal);
  const gone = [...free.values()];
  await inParallel(gone, atOnce, ({ sha256: digest }) => removeObject(connection, contentKey(digest), signal));
  for (const digest of digests) await removeObject(connection, removalKey(digest), signal);
  return { files: gone.length, bytes: gone.reduce((sum, { size }) => sum + size, 0) };
}

/**
 * Whether all that a manifest lists is in the store, and stays: no removal that did not know of the manifest has taken some of it,
 * or is about to.
 */
export async function isWhole(
  connection: Connection,
  { manifest, ref }: SealedManifest,
  signal?: AbortSignal,
): Promise<boolean> {
  await outlastRemovals(connection, ref.digest, new Set(manifest.files.map((file) => file.sha256)), signal);
  let whole = await exists(connection, manifestKey(ref.digest), signal);
  await inParallel(manifest.files, atOnce, async (file) => {
    if (!(await isStored(connection, { file }, signal))) whole = false;
  });
  return whole;
}

/** Waits until nothing is being removed that belongs to this artifact. */
async function outlastRemovals(
  connection: Connection,
  digest: string,
  files: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<void> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    if (!(await isBeingRemoved(connection, digest, files, signal))) return;
    if (performance.now() > giveUpAt) break;
    await sleep(lookMs, undefined, { signal });
  }
  throw new Failure('STORE_UNAVAILABLE', 'The store is removing files of this artifact, and does not come to an end.', {
    remedy: 'Check that a trainer runs: it takes up removals that were cut.',
  });
}

async function isBeingRemoved(
  connection: Connection,
  digest: string,
  files: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<boolean> {
  for (const other of await digestsBelow(connection, prefix, signal)) {
    if (other === digest) return true;
    const announced = await announcedBy(connection, other, signal);
    if (announced.some((file) => files.has(file.sha256))) return true;
  }
  return false;
}

/** The files of an artifact, as its manifest says or, when that is gone already, as the removal that was cut said. */
async function filesOf(connection: Connection, digest: string, signal?: AbortSignal): Promise<ManifestFile[]> {
  const listed = await listedBy(connection, digest, signal);
  return listed ?? announcedBy(connection, digest, signal);
}

/** Takes those files out that a manifest lists which was not seen before. */
async function keepListed(
  connection: Connection,
  free: Map<string, ManifestFile>,
  seen: Set<string>,
  signal?: AbortSignal,
): Promise<void> {
  const digests = await digestsBelow(connection, 'manifests/', signal);
  const news = digests.filter((digest) => !seen.has(digest));
  await inParallel(news, atOnce, async (digest) => {
    for (const file of (await listedBy(connection, digest, signal)) ?? []) free.delete(file.sha256);
    seen.add(digest);
  });
}

const withFree = (files: readonly ManifestFile[], free: ReadonlyMap<string, unknown>): ManifestFile[] =>
  files.filter((file) => free.has(file.sha256));

async function listedBy(
  connection: Connection,
  digest: string,
  signal?: AbortSignal,
): Promise<ManifestFile[] | undefined> {
  const bytes = await bytesOf(connection, manifestKey(digest), signal);
  return bytes && openManifest(bytes, digest).files;
}

async function announcedBy(connection: Connection, digest: string, signal?: AbortSignal): Promise<ManifestFile[]> {
  const bytes = await bytesOf(connection, removalKey(digest), signal);
  return bytes === undefined ? [] : removal.parse(JSON.parse(bytes.toString('utf8'))).files;
}

async function announce(
  { client, bucket }: Connection,
  digest: string,
  files: ManifestFile[],
  signal?: AbortSignal,
): Promise<void> {
  const bytes = Buffer.from(JSON.stringify({ files } satisfies z.infer<typeof removal>));
  await withRetry(() => client.putObject(bucket, removalKey(digest), bytes), signal);
}

async function bytesOf(connection: Connection, key: string, signal?: AbortSignal): Promise<Buffer | undefined> {
  try {
    return (await getObject(connection, key, signal)).bytes;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function exists({ client, bucket }: Connection, key: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await withRetry(() => client.statObject(bucket, key), signal);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function removeObject({ client, bucket }: Connection, key: string, signal?: AbortSignal): Promise<void> {
  await withRetry(() => client.removeObject(bucket, key), signal);
}

/** Digests that are names of the objects below a prefix. */
async function digestsBelow({ client, bucket }: Connection, below: string, signal?: AbortSignal): Promise<string[]> {
  return withRetry(async () => {
    const digests: string[] = [];
    for await (const item of client.listObjectsV2(bucket, below, true)) {
      const { name = '' } = item as { name?: string };
      const digest = name.slice(below.length).replace(/\.json$/, '');
      if (sha256.safeParse(digest).success) digests.push(digest);
    }
    return digests;
  }, signal);
}

function removalKey(digest: string): string {
  return `${prefix}${digest}.json`;
}
