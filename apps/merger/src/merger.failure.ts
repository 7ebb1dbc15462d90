import type { ExitRecord } from '@anneal/compute';
import { Failure, type FailureCode } from '@anneal/contracts';

const remedies: Partial<Record<FailureCode, string>> = {
  HOST_OUT_OF_MEMORY: 'Give the machine more memory, or take a smaller model.',
  DISK_FULL: 'Free some space below WORK_DIR and request the run again.',
  KILLED: 'It is tried again; free some memory if it stays.',
};

/** The one place where errors of this stage become failures. */
export function toMergerFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return new Failure('DISK_FULL', 'The disk that holds the work folder is full.', {
      remedy: 'Free some space below WORK_DIR and request the run again.',
      cause: error,
    });
  }
  return new Failure('INTERNAL', `Merging broke: ${error instanceof Error ? error.message : String(error)}.`, {
    remedy: 'It is tried again; if it stays, the log of the merger has the details.',
    cause: error,
  });
}

const signs: readonly [FailureCode, RegExp][] = [
  ['DISK_FULL', /No space left on device|Disk quota exceeded/i],
  ['HOST_OUT_OF_MEMORY', /MemoryError|Cannot allocate memory|can't allocate memory/],
  ['MERGE_MISMATCH', /size mismatch|not supported.*merge|merge.*not supported/i],
];

/** The failure of a program of the engine that ended otherwise than it should. */
export function engineFailure(step: string, { code, signal }: ExitRecord, log: string): Failure {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const detail = (
    lines.findLast((line) => /^[\w.]*(Error|Exception)\b/.test(line)) ??
    lines.at(-1) ??
    'it said nothing'
  ).slice(0, 500);
  const killed = signal !== null || code === null;
  const found = signs.find(([, pattern]) => pattern.test(log))?.[0] ?? (killed ? 'KILLED' : 'ENGINE_BUG');
  return new Failure(found, `The step "${step}" of the merge ended badly: ${detail.replace(/\.$/, '')}.`, {
    remedy: remedies[found] ?? 'The log of the merger has the details; report it with the RunSpec.',
    cause: new Error(log.slice(-4000)),
  });
}
