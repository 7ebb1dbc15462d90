import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManifestFile } from '@anneal/contracts';
import type { Connection } from './connection.js';
import { contentKey } from './manifest.js';
import { pauseMs } from './retry.js';
import { corrupt, errorCode, isTransient } from './store-failure.js';

/** A broken download goes on where it stopped, unless nothing came in so many tries. */
const triesWithoutProgress = 8;

/**
 * The bytes of a file as they come; the last step fails when they are not the file's. A broken connection is opened
 * again at the same place, also when the reader was slower than the idle limit.
 */
export async function* contentOf(
  connection: Connection,
  file: ManifestFile,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let offset = 0;
  let fruitless = 0;
  for (;;) {
    const start = offset;
    try {
      for await (const chunk of openObject(connection, file, offset, signal)) {
        offset += chunk.length;
        if (offset > file.size) break;
        hash.update(chunk);
        yield chunk;
      }
      // A whole answer: whatever is missing now is missing in the store.
      break;
    } catch (error) {
      signal?.throwIfAborted();
      fruitless = offset > start ? 1 : fruitless + 1;
      if (!isTransient(error) || fruitless === triesWithoutProgress) throw error;
      await sleep(pauseMs(fruitless), undefined, { signal });
    }
  }
  if (offset !== file.size || hash.digest('hex') !== file.sha256) {
    throw corrupt(`The bytes of ${file.path} in the store are not what its digest says.`, { file: file.path });
  }
}

async function* openObject(
  { client, bucket }: Connection,
  { sha256, size }: ManifestFile,
  offset: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const key = contentKey(sha256);
  const get = (): ReturnType<typeof client.getObject> =>
    offset === 0 ? client.getObject(bucket, key) : client.getPartialObject(bucket, key, offset, size - offset);
  const stream = await get();
  const abort = (): void => void stream.destroy(new Error('aborted'));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    signal?.removeEventListener('abort', abort);
    stream.destroy();
  }
}

/** Writes a verified file: under a temporary name beside it, renamed when every byte is right. */
export async function downloadFile(
  connection: Connection,
  file: ManifestFile,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = `${target}.${randomUUID()}.part`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const chunk of contentOf(connection, file, signal)) await handle.writeFile(chunk);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whether the file is on the disk already, byte for byte. */
export async function isOnDisk(file: ManifestFile, path: string, signal?: AbortSignal): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error))) return undefined;
    throw error;
  });
  if (handle === undefined) return false;
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size !== file.size) return false;
    const hash = createHash('sha256');
    for await (const chunk of handle.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false })) {
      signal?.throwIfAborted();
      hash.update(chunk as Buffer);
    }
    return hash.digest('hex') === file.sha256;
  } finally {
    await handle.close();
  }
}
