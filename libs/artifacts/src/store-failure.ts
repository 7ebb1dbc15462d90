import { Failure } from '@anneal/contracts';

/** S3 codes that stay the same however often the request is sent again. */
const permanentCodes = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'RequestTimeTooSkewed',
  'NoSuchKey',
  'NotFound',
  'NoSuchBucket',
  'NoSuchUpload',
  'PreconditionFailed',
  'InvalidBucketName',
  'MethodNotAllowed',
  'NotImplemented',
  'InvalidArgument',
  'InvalidRequest',
  'EntityTooLarge',
  'InvalidRange',
  'ENOENT',
  'EACCES',
  'EPERM',
  'ENOSPC',
  'EDQUOT',
  'EROFS',
]);
const refusedCodes = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'RequestTimeTooSkewed']);
const fullCodes = new Set(['ENOSPC', 'EDQUOT']);
const missingCodes = new Set(['NoSuchKey', 'NotFound']);

/** The code of an S3 or system error, or an empty string. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

export function isMissing(error: unknown): boolean {
  return missingCodes.has(errorCode(error));
}

/** Whether sending the same request again may help. */
export function isTransient(error: unknown): boolean {
  if (error instanceof Failure || error instanceof TypeError) return false;
  return !permanentCodes.has(errorCode(error));
}

/**
 * The one place that turns errors of the client and of the file system into failures.
 *
 * @param what what was being done, as the rest of "could not ..."
 */
export function storeFailure(error: unknown, what: string, endpoint: string): Failure {
  if (error instanceof Failure) return error;
  const code = errorCode(error);
  const reason = error instanceof Error && error.message !== '' ? error.message : code || 'unknown error';
  if (missingCodes.has(code)) {
    return new Failure('ARTIFACT_MISSING', `Could not ${what}: the object is not in the store.`, {
      remedy: 'Check that nobody deletes objects from the bucket, then run the stage that made the artifact again.',
      cause: error,
    });
  }
  if (fullCodes.has(code)) {
    return new Failure('DISK_FULL', `Could not ${what}: the disk is full.`, {
      remedy: 'Free space on the disk of the work folder, then try again.',
      cause: error,
    });
  }
  if (refusedCodes.has(code)) {
    return new Failure('STORE_UNAVAILABLE', `Could not ${what}: ${endpoint} refused the keys (${code}).`, {
      remedy: 'Check S3_ACCESS_KEY, S3_SECRET_KEY, their rights on the bucket, and the clock of this machine.',
      retryable: false,
      cause: error,
    });
  }
  return new Failure('STORE_UNAVAILABLE', `Could not ${what} at ${endpoint}: ${reason}.`, {
    remedy: 'Check that the object store runs and that S3_ENDPOINT and S3_BUCKET name it.',
    cause: error,
  });
}

/** Bytes that are not what their digest says. */
export function corrupt(message: string, options: { retryable?: boolean; file?: string } = {}): Failure {
  return new Failure('ARTIFACT_CORRUPT', message, {
    remedy: 'Try again; when it stays, the stored object is damaged and the stage that made it must run again.',
    ...options,
  });
}
