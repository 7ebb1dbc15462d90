import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure } from '@anneal/contracts';
import { identify, isRunning, processIdentity, type ProcessIdentity } from './process-identity.js';

/** The right to supervise a folder, until `release` or the end of this process. */
export interface FolderLock {
  readonly release: () => void;
}

const lockName = /^supervisor\.(\d+)\.lock$/;

/**
 * Takes the lock of a folder, also from a process that died. Throws DATA_FOLDER_IN_USE when its holder runs.
 *
 * Every holder has a file with the next number, made by a hard link: of two processes that find the same dead holder,
 * one gets the number. A released lock stays as an empty file, so that numbers never go back.
 */
export function lockFolder(runFolder: string, shownAs = runFolder): FolderLock {
  for (;;) {
    const newest = newestLock(runFolder);
    const holder = newest === undefined ? undefined : readHolder(lockFile(runFolder, newest));
    if (holder && isRunning(holder)) throw inUse(shownAs, holder.pid);

    const mine = (newest ?? 0) + 1;
    if (!claim(lockFile(runFolder, mine))) continue;
    // Somebody may have passed this number between the look and the claim, and removed it as an old one.
    if (newestLock(runFolder) !== mine) {
      rmSync(lockFile(runFolder, mine), { force: true });
      continue;
    }
    removeLocksBefore(runFolder, mine);
    return { release: () => writeFileSync(lockFile(runFolder, mine), '') };
  }
}

/** The id of the process that supervises the servers of a data folder; nothing when none does. */
export function supervisorOf(dataDir: string): number | undefined {
  const runFolder = join(resolve(dataDir), 'run');
  const newest = newestLock(runFolder);
  const holder = newest === undefined ? undefined : readHolder(lockFile(runFolder, newest));
  return holder && isRunning(holder) ? holder.pid : undefined;
}

function lockFile(runFolder: string, number: number): string {
  return join(runFolder, `supervisor.${number}.lock`);
}

function lockNumbers(runFolder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(runFolder);
  } catch {
    return [];
  }
  return names.flatMap((name) => lockName.exec(name)?.[1] ?? []).map(Number);
}

function newestLock(runFolder: string): number | undefined {
  const numbers = lockNumbers(runFolder);
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function readHolder(file: string): ProcessIdentity | undefined {
  try {
    return processIdentity.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function claim(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(identify(process.pid)), { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function removeLocksBefore(runFolder: string, number: number): void {
  for (const older of lockNumbers(runFolder).filter((candidate) => candidate < number)) {
    rmSync(lockFile(runFolder, older), { force: true });
  }
}

function inUse(folder: string, pid: number): Failure {
  return new Failure('DATA_FOLDER_IN_USE', `The data folder ${folder} is in use by process ${pid}.`, {
    remedy: `Stop process ${pid}, or name another data folder.`,
  });
}
