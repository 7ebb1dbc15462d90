import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type ManifestFile } from '@anneal/contracts';
import type { SourceFile } from './artifact-types.js';
import { corrupt, errorCode } from './store-failure.js';

const MiB = 1024 * 1024;
/** S3 takes at most 10,000 parts. */
const mostParts = 10_000;
const readBytes = MiB;

/** Local bytes to store, read by position so that a part can be sent again. */
export interface Source {
  readonly size: number;
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A file as it was when it was hashed. The digests of its parts show later whether it was changed meanwhile. */
export interface HashedFile {
  readonly file: ManifestFile;
  readonly source: SourceFile['source'];
  readonly partSize: number;
  /** SHA-256 of each part, base64. A small file, also an empty one, is one part. */
  readonly parts: readonly string[];
}

export async function openSource(source: SourceFile['source']): Promise<Source> {
  if (typeof source !== 'string') {
    const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
    return {
      size: bytes.length,
      read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
      close: () => Promise.resolve(),
    };
  }
  const handle = await openRegularFile(source);
  const { size } = await handle.stat();
  return { size, read: (offset, length) => readFully(handle, offset, length, source), close: () => handle.close() };
}

/** Reads the file once, for its digest and those of its parts. */
export async function hashSource(
  { path, source }: SourceFile,
  partBytes: number,
  signal?: AbortSignal,
): Promise<HashedFile> {
  const opened = await openSource(source);
  try {
    const { size } = opened;
    const partSize = Math.max(partBytes, Math.ceil(size / mostParts / MiB) * MiB);
    const whole = createHash('sha256');
    const parts: string[] = [];
    for (let start = 0; start < size || parts.length === 0; start += partSize) {
      const end = Math.min(size, start + partSize);
      const part = createHash('sha256');
      for (let offset = start; offset < end; offset += readBytes) {
        signal?.throwIfAborted();
        const chunk = await opened.read(offset, Math.min(readBytes, end - offset));
        whole.update(chunk);
        part.update(chunk);
      }
      parts.push(part.digest('base64'));
    }
    return { file: { path, size, sha256: whole.digest('hex') }, source, partSize, parts };
  } finally {
    await opened.close();
  }
}

/** The regular files below a directory, by path; symbolic links and special files are refused. */
export async function filesOf(directory: string, include?: (path: string) => boolean): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(directory, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (include !== undefined && !include(path)) continue;
      else if (entry.isFile()) found.push({ path, source: join(directory, path) });
      else throw notRegular(join(directory, path));
    }
  };
  await walk('').catch((error: unknown) => {
    throw missingSource(error, directory);
  });
  return found;
}

async function openRegularFile(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw errorCode(error) === 'ELOOP' ? notRegular(path) : missingSource(error, path);
    },
  );
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw notRegular(path);
}

async function readFully(handle: FileHandle, offset: number, length: number, path: string): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw changed(path);
    filled += bytesRead;
  }
  return buffer;
}

/** Somebody wrote to a file while it was being stored. */
export function changed(path: string): Failure {
  return corrupt(`${path} was changed while it was being stored.`, { file: path });
}

function notRegular(path: string): Failure {
  return new Failure('ARTIFACT_CORRUPT', `${path} is no regular file, and an artifact holds nothing else.`, {
    remedy: 'Replace symbolic links by copies of what they point to.',
    retryable: false,
    file: path,
  });
}

function missingSource(error: unknown, path: string): unknown {
  if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') return error;
  return new Failure('ARTIFACT_MISSING', `${path} is to be stored but does not exist.`, {
    remedy: 'Look in the log of the stage for the step that should have written it.',
    file: path,
    cause: error,
  });
}
