import { Failure } from '@anneal/contracts';
import { SetupError } from '@anneal/setup';
import { setupFailure } from '../embedded/setup.failure.js';
import { paint } from './colours.js';

/** Says what went wrong: one sentence and the next step, or one JSON object. Returns the exit status. */
export function reportError(error: unknown, json: boolean): number {
  const failure = asFailure(error);
  if (json && failure) {
    process.stdout.write(`${JSON.stringify({ error: failure.toDetail() })}\n`);
    return 1;
  }
  if (failure) {
    process.stderr.write(`${paint('red', failure.message, process.stderr)} ${failure.remedy}\n`);
    return 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`This should not have happened; please report it.\n${text}\n`);
  return 1;
}

/** The error as a failure that a reader can act on; nothing when only its stack tells more. */
function asFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error;
  if (error instanceof SetupError) return setupFailure(error);
  return error instanceof Error ? (fileFailure(error) ?? asFailure(error.cause)) : undefined;
}

// PostgreSQL says with its own code (53100) that its disk is full.
const fullDisk = ['ENOSPC', 'EDQUOT', '53100'];
const refused = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'];

/** Errors of the file system that come from the machine, not from a mistake in here. */
function fileFailure(error: Error): Failure | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  if (fullDisk.includes(error.code)) {
    return new Failure('DISK_FULL', `No space is left on the disk${path === undefined ? '' : ` of ${path}`}.`, {
      remedy: 'Free some space, or name a data folder on a larger disk (--data), then run the command again.',
      cause: error,
    });
  }
  if (!refused.includes(error.code) || path === undefined) return undefined;
  return new Failure('CONFIG_INVALID', `${path} cannot be used: ${reasons[error.code] ?? error.code}.`, {
    remedy: 'Give this account the right to read and write it, or name another folder (--data).',
    file: path,
    cause: error,
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this account has no right to it',
  EPERM: 'this account has no right to it',
  EROFS: 'its file system is read-only',
  ENOTDIR: 'a part of its path is a file and no folder',
  EEXIST: 'it is a file and no folder',
};
