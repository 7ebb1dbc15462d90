import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import type { Caller } from '../../keys/caller.js';
import { passingFolders } from './leftovers.js';

/** Bytes that a caller sent, on this machine's disk until they are in the store. */
export interface ReceivedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  remove(): Promise<void>;
}

/**
 * Writes a stream to a file of its own and hashes it on the way: content is stored under its digest, which is known
 * when the last byte is here. Memory stays the same for every size.
 *
 * @throws Failure REQUEST_TOO_LARGE
 */
export async function receive(source: Readable, workDir: string, mostBytes: number): Promise<ReceivedFile> {
  const parent = join(workDir, passingFolders.received);
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'file-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'content');
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > mostBytes) return done(tooLarge(mostBytes));
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    await pipeline(source, measure, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, bytes, sha256: hash.digest('hex'), remove };
}

/** How large a file of this caller may be. */
export function largestFileOf({ limits }: Caller, { LARGEST_FILE_BYTES }: { LARGEST_FILE_BYTES: number }): number {
  return Math.min(limits.largestFileBytes ?? LARGEST_FILE_BYTES, LARGEST_FILE_BYTES);
}

export function tooLarge(mostBytes: number): Failure {
  return new Failure('REQUEST_TOO_LARGE', `The file is larger than ${mostBytes} bytes.`, {
    remedy: 'Send less data; the limit is the one of the API key, or LARGEST_FILE_BYTES of the gateway.',
    field: 'file',
  });
}
