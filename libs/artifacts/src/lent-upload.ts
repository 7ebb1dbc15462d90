import { Failure, type ManifestFile } from '@anneal/contracts';
import type { UploadLoan } from './artifact-types.js';
import type { Connection } from './connection.js';
import { contentKey } from './manifest.js';
import { withRetry } from './retry.js';
import { isStored, putOnce } from './upload.js';
import { corrupt, errorCode } from './store-failure.js';

const MiB = 1024 * 1024;
/** S3 takes at most 10,000 parts. */
const mostParts = 10_000;

/**
 * Lets somebody without a key of the store bring one file into it, under its digest. It goes by a multipart upload also
 * when it is small: the upload is begun and completed here, with the key, and a link to a part signs nothing but the host.
 * So it works with every server that knows links.
 *
 * @returns undefined when the file is there already
 */
export async function lendUpload(
  connection: Connection,
  file: ManifestFile,
  seconds: number,
): Promise<UploadLoan | undefined> {
  if (await isStored(connection, { file })) return undefined;
  const { client, linking, bucket } = connection;
  const key = contentKey(file.sha256);
  const headers = { 'x-amz-meta-sha256': file.sha256, 'content-type': 'application/octet-stream' };
  if (file.size === 0) {
    await putOnce(connection, key, Buffer.alloc(0), headers);
    return undefined;
  }
  const partBytes = Math.max(connection.partBytes, Math.ceil(file.size / mostParts / MiB) * MiB);
  const uploadId = await withRetry(() => client.initiateNewMultipartUpload(bucket, key, { ...headers }));
  const urls: string[] = [];
  for (let part = 1; (part - 1) * partBytes < file.size; part += 1) {
    urls.push(await linking.presignedUrl('PUT', bucket, key, seconds, { partNumber: String(part), uploadId }));
  }
  return { uploadId, partBytes, urls };
}

/**
 * Completes what was lent. Safe to repeat.
 *
 * @throws ARTIFACT_CORRUPT when the store does not hold the file afterwards, ARTIFACT_MISSING when it was there and is removed
 */
export async function finishLentUpload(
  connection: Connection,
  file: ManifestFile,
  uploadId: string,
  etags: readonly string[],
): Promise<void> {
  const { client, bucket } = connection;
  const parts = etags.map((etag, index) => ({ part: index + 1, etag: etag.replaceAll('"', '') }));
  try {
    await withRetry(() => client.completeMultipartUpload(bucket, contentKey(file.sha256), uploadId, parts));
  } catch (error) {
    if (await isStored(connection, { file })) return;
    if (errorCode(error) === 'NoSuchUpload') throw unknownUpload(file, error);
    throw error;
  }
  if (!(await isStored(connection, { file }))) {
    throw corrupt(`The store does not hold ${file.path} as it was sent.`, { file: file.path });
  }
}

function unknownUpload({ path: file }: ManifestFile, cause: unknown): Failure {
  return new Failure('ARTIFACT_MISSING', `${file} is not in the store, and the store knows no such upload.`, {
    remedy: 'Nothing, when the file was removed since; else send it again.',
    ...{ file, cause },
  });
}
