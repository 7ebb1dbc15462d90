import { readFileSync } from 'node:fs';
import { Failure } from '@anneal/contracts';
import type { ServerName } from './server-name.js';

/** Says why a server did not start, from the end of its log. */
export function explainStart(name: ServerName, logFile: string): Failure {
  return explainOutput(name, readEnd(logFile), `Read ${logFile}, then start again.`);
}

/** Says why a server did not start, from what it printed. */
export function explainOutput(name: ServerName, output: string, remedy: string): Failure {
  if (/no space left on device/i.test(output)) return diskFull();
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const bindError = lines.find((line) => /address already in use/i.test(line));
  if (bindError) {
    return new Failure('PORT_TAKEN', `A port of ${name} was taken while it started: ${bindError.trim()}`, {
      remedy: 'Start again: ports that were not asked for are chosen anew.',
    });
  }
  const telling = lines.findLast((line) => /fatal|panic|error/i.test(line)) ?? lines.at(-1);
  return new Failure('SERVER_START_FAILED', `${name} did not start: ${telling?.trim() ?? 'it said nothing'}`, {
    remedy,
  });
}

/** Turns errors of the file system that a user can act on into failures; others stay as they are. */
export function explainFileError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'ENOSPC') return diskFull(error);
  if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'ENOTDIR') {
    return new Failure('SERVER_START_FAILED', `The data folder cannot be written: ${error.message}`, {
      remedy: 'Make it writable for this account, or name another data folder.',
      retryable: false,
      cause: error,
    });
  }
  return error;
}

function diskFull(cause?: unknown): Failure {
  return new Failure('DISK_FULL', 'No space is left on the disk of the data folder.', {
    remedy: 'Free some space (a new data folder takes 100 MB), then start again.',
    cause,
  });
}

function readEnd(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-4_000);
  } catch {
    return '';
  }
}
