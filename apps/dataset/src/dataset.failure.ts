import { Failure, type FailureCode } from '@anneal/contracts';

const bySystemError: Record<string, { code: FailureCode; message: string; remedy: string }> = {
  ENOSPC: {
    code: 'DISK_FULL',
    message: 'The disk that holds the work folder is full.',
    remedy: 'Free some space below WORK_DIR and request the run again.',
  },
  EACCES: {
    code: 'DATASET_UNREADABLE',
    message: 'The source may not be read by this service.',
    remedy: 'Give the account of the service read access to it.',
  },
};

/** The one place where errors of this stage become failures. */
export function toDatasetFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = bySystemError[code];
  if (known) return new Failure(known.code, known.message, { remedy: known.remedy, cause: error });
  return new Failure(
    'INTERNAL',
    `Preparing the dataset broke: ${error instanceof Error ? error.message : String(error)}.`,
    {
      remedy: 'It is tried again; if it stays, the log of the dataset service has the details.',
      cause: error,
    },
  );
}
