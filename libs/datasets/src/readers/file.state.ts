import { stat } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';

/** What shows that somebody wrote to a file, or put another in its place. */
export interface FileState {
  readonly size: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

export async function stateOf(path: string): Promise<FileState> {
  const { size, mtimeMs, ino } = await stat(path);
  return { size, modifiedMs: mtimeMs, inode: ino };
}

/** @throws Failure DATASET_CHANGED when the file is no longer as it was */
export async function requireUnchanged(path: string, name: string, before: FileState): Promise<void> {
  const now = await stateOf(path).catch(() => undefined);
  const same = now?.size === before.size && now.modifiedMs === before.modifiedMs && now.inode === before.inode;
  if (same) return;
  const what = now ? `was changed (${before.size} bytes before, ${now.size} bytes now)` : 'was removed';
  throw new Failure('DATASET_CHANGED', `${name} ${what} while it was being read.`, {
    remedy: 'Let the program that writes it finish; the run reads it again by itself.',
    file: name,
  });
}
