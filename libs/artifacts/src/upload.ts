import { createHash } from 'node:crypto';
import type { Connection } from './connection.js';
import { contentKey } from './manifest.js';
import { inParallel, withRetry } from './retry.js';
import { changed, openSource, type HashedFile, type Source } from './source.js';
import { corrupt, errorCode, isMissing } from './store-failure.js';

const partsAtOnce = 4;
/** Answers of servers that do not know checksums of parts. */
const unknownChecksum = new Set(['NotImplemented', 'MethodNotAllowed', 'InvalidArgument', 'InvalidRequest']);

interface UploadedPart {
  part: number;
  etag: string;
}

/** Brings one file into the store under its digest, unless it is there. `onBytes` gets sizes as they arrive. */
export async function uploadFile(
  connection: Connection,
  hashed: HashedFile,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { file } = hashed;
  if (await isStored(connection, hashed, signal)) return onBytes(file.size);
  const source = await openSource(hashed.source);
  try {
    if (source.size !== file.size) throw changed(file.path);
    if (hashed.parts.length === 1) {
      const bytes = await readPart(source, hashed, 0);
      await putOnce(connection, contentKey(file.sha256), bytes, { 'x-amz-meta-sha256': file.sha256 }, signal);
      onBytes(file.size);
    } else {
      await uploadInParts(connection, hashed, source, onBytes, signal);
    }
  } finally {
    await source.close();
  }
  if (await isStored(connection, hashed, signal)) return;
  throw corrupt(`The store does not hold ${file.path} as it was sent.`, { file: file.path });
}

/** Whether the store holds the bytes of this digest, in this size. */
export async function isStored(
  { client, bucket }: Connection,
  { file }: Pick<HashedFile, 'file'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const stat = await withRetry(() => client.statObject(bucket, contentKey(file.sha256)), signal).catch(
    (error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    },
  );
  return stat?.size === file.size && stat.metaData['sha256'] === file.sha256;
}

/**
 * Writes an object that never changes. Whoever comes second finds it written, which is as good. Also used for an
 * object of the right name but the wrong size: then the refusal is answered by writing over it.
 *
 * @returns whether it was written now
 */
export async function putOnce(
  { client, bucket }: Connection,
  key: string,
  bytes: Buffer,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    await withRetry(
      () => client.putObject(bucket, key, bytes, bytes.length, { ...headers, 'If-None-Match': '*' }),
      signal,
    );
    return true;
  } catch (error) {
    if (errorCode(error) !== 'PreconditionFailed') throw error;
  }
  const { size, metaData } = await withRetry(() => client.statObject(bucket, key), signal);
  const same =
    size === bytes.length && (metaData as Record<string, unknown>)['sha256'] === headers['x-amz-meta-sha256'];
  if (!same) await withRetry(() => client.putObject(bucket, key, bytes, bytes.length, { ...headers }), signal);
  return !same;
}

/**
 * Multipart on the single calls: the client's own begins at part 2, resumes uploads of other processes, and hangs or
 * crashes when its source or the server fails (minio-js pull requests 1480 and 1490).
 */
async function uploadInParts(
  connection: Connection,
  hashed: HashedFile,
  source: Source,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { client, bucket } = connection;
  const key = contentKey(hashed.file.sha256);
  const headers = { 'x-amz-meta-sha256': hashed.file.sha256, 'content-type': 'application/octet-stream' };
  // No x-amz-checksum-algorithm here: with it, completing needs each checksum again, which the client cannot send.
  const uploadId = await withRetry(() => client.initiateNewMultipartUpload(bucket, key, { ...headers }), signal);
  try {
    const parts: UploadedPart[] = [];
    await inParallel(hashed.parts, partsAtOnce, async (_digest, index) => {
      const bytes = await readPart(source, hashed, index);
      parts.push(await withRetry(() => sendPart(connection, { key, uploadId, index, bytes, hashed }), signal));
      onBytes(bytes.length);
    });
    parts.sort((a, b) => a.part - b.part);
    await withRetry(() => complete(connection, hashed, uploadId, parts), signal);
  } catch (error) {
    // Best effort: what stays is unreferenced, and the bucket's lifecycle rule ends it.
    await client.abortMultipartUpload(bucket, key, uploadId).catch(() => undefined);
    throw error;
  }
}

async function readPart(source: Source, { file, partSize, parts }: HashedFile, index: number): Promise<Buffer> {
  const offset = index * partSize;
  const bytes = await source.read(offset, Math.min(partSize, file.size - offset));
  if (createHash('sha256').update(bytes).digest('base64') !== parts[index]) throw changed(file.path);
  return bytes;
}

async function sendPart(
  connection: Connection,
  part: { key: string; uploadId: string; index: number; bytes: Buffer; hashed: HashedFile },
): Promise<UploadedPart> {
  const { client, bucket } = connection;
  const target = { bucketName: bucket, objectName: part.key, uploadID: part.uploadId, partNumber: part.index + 1 };
  const digest = part.hashed.parts[part.index];
  if (connection.partChecksums && digest !== undefined) {
    try {
      return await client.uploadPart({ ...target, headers: { 'x-amz-checksum-sha256': digest } }, part.bytes);
    } catch (error) {
      if (!unknownChecksum.has(errorCode(error))) throw error;
      connection.partChecksums = false;
    }
  }
  return client.uploadPart({ ...target, headers: {} }, part.bytes);
}

/** Completing may have worked although its answer was lost: then the upload is unknown and the object is there. */
async function complete(
  connection: Connection,
  hashed: HashedFile,
  uploadId: string,
  parts: UploadedPart[],
): Promise<void> {
  const { client, bucket } = connection;
  try {
    await client.completeMultipartUpload(bucket, contentKey(hashed.file.sha256), uploadId, parts);
  } catch (error) {
    if (!(await isStored(connection, hashed))) throw error;
  }
}
