import { Failure, sha256 } from '@anneal/contracts';
import { registryEntry, registryName, registryTag, type RegistryEntry } from './artifact-types.js';
import type { Connection } from './connection.js';
import { sha256Hex } from './manifest.js';
import { getObject } from './object.js';
import { withRetry } from './retry.js';
import { corrupt, errorCode, isMissing } from './store-failure.js';
import { putOnce } from './upload.js';

export const defaultTag = 'latest';
const json = { 'content-type': 'application/json' };

/**
 * Publishes an artifact under a name: first an entry that never changes, then the tag that points to it. The revision
 * is the artifact's digest. Doing it again for the same artifact and run changes nothing.
 */
export async function writeTag(connection: Connection, given: RegistryEntry): Promise<{ revision: string }> {
  const entry = checkEntry(given);
  const revision = entry.artifact.digest;
  // Read first, and written only over what was read: two publishers at once must not both think that they won.
  const present = await readEntry(connection, tagKey(entry.name, entry.tag));
  if (present?.entry.artifact.digest === revision && present.entry.runId === entry.runId) return { revision };
  const bytes = Buffer.from(JSON.stringify(entry));
  const digest = { 'x-amz-meta-sha256': sha256Hex(bytes) };
  const versionKey = `registry/${entry.name}/versions/${revision}.json`;
  if ((await readEntry(connection, versionKey)) === undefined) {
    await putOnce(connection, versionKey, bytes, { ...json, ...digest });
  }
  const condition = present === undefined ? { 'If-None-Match': '*' } : { 'If-Match': present.etag };
  const { client, bucket } = connection;
  const key = tagKey(entry.name, entry.tag);
  try {
    await withRetry(() => client.putObject(bucket, key, bytes, bytes.length, { ...json, ...digest, ...condition }));
  } catch (error) {
    if (errorCode(error) !== 'PreconditionFailed') throw error;
    await acceptOwn(connection, entry, error);
  }
  return { revision };
}

/** Finds a published model; `tag` may also be a revision, that is the artifact's digest. */
export async function readTag(connection: Connection, name: string, tag = defaultTag): Promise<RegistryEntry> {
  const label = `registry:${name}:${tag}`;
  if (!registryName.safeParse(name).success || !registryTag.safeParse(tag).success) throw unknown(label);
  const isRevision = sha256.safeParse(tag).success;
  const key = isRevision ? `registry/${name}/versions/${tag}.json` : tagKey(name, tag);
  const found = await readEntry(connection, key);
  if (found === undefined) throw unknown(label);
  return found.entry;
}

/** Every tag of every published model, by name and tag. */
export async function readTags(connection: Connection): Promise<RegistryEntry[]> {
  const { client, bucket } = connection;
  const keys = await withRetry(async () => {
    const names: string[] = [];
    for await (const item of client.listObjectsV2(bucket, 'registry/', true)) {
      const { name } = item as { name?: string };
      if (name !== undefined && /^registry\/[^/]+\/[^/]+\.json$/.test(name)) names.push(name);
    }
    return names.sort();
  });
  const entries: RegistryEntry[] = [];
  for (const key of keys) {
    const found = await readEntry(connection, key);
    if (found !== undefined) entries.push(found.entry);
  }
  return entries;
}

/** The refused write may be our own, repeated after its answer was lost. */
async function acceptOwn(connection: Connection, entry: RegistryEntry, cause: unknown): Promise<void> {
  const now = await readEntry(connection, tagKey(entry.name, entry.tag));
  if (now?.entry.artifact.digest === entry.artifact.digest && now.entry.runId === entry.runId) return;
  throw new Failure(
    'PUBLISH_CONFLICT',
    `registry:${entry.name}:${entry.tag} was set by another run at the same time.`,
    {
      remedy: 'Try again, or publish under another tag.',
      cause,
    },
  );
}

async function readEntry(
  connection: Connection,
  key: string,
): Promise<{ entry: RegistryEntry; etag: string } | undefined> {
  try {
    const { bytes, etag } = await getObject(connection, key);
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw corrupt(`The registry entry ${key} is not JSON.`, { retryable: false });
    }
    return { entry: parseEntry(value, key), etag };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function checkEntry(given: RegistryEntry): RegistryEntry {
  const parsed = registryEntry.safeParse(given);
  // Such a tag could not be told from a revision.
  if (parsed.success && !sha256.safeParse(parsed.data.tag).success) return parsed.data;
  throw new Failure('PUBLISH_REFUSED', `registry:${given.name}:${given.tag} cannot be a name in the registry.`, {
    remedy: 'Use small letters, digits, ".", "_" and "-" in the name, and a tag that is no digest.',
    cause: parsed.error,
  });
}

function parseEntry(value: unknown, label: string): RegistryEntry {
  const parsed = registryEntry.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const reason = issue === undefined ? 'unknown form' : `${issue.path.join('.')}: ${issue.message}`;
  throw corrupt(`The registry entry ${label} is not valid (${reason}).`, { retryable: false });
}

function tagKey(name: string, tag: string): string {
  return `registry/${name}/${tag}.json`;
}

function unknown(label: string): Failure {
  return new Failure('MODEL_NOT_FOUND', `There is no published model ${label}.`, {
    remedy: 'List the published models and give one of their names and tags.',
  });
}
