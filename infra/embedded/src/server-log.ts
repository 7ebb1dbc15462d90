import { copyFile, rm, stat, truncate } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const mostBytes = 10 * 1024 * 1024;

/**
 * Puts the log of a server aside as FILE.1 whenever it is full, until the signal. The server holds the file open for as long
 * as it lives, so the content is moved and not the file; lines of the moment between copy and cut are lost.
 */
export async function rotateLog(file: string, everyMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await putAsideWhenFull(file).catch(() => undefined);
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

async function putAsideWhenFull(file: string): Promise<void> {
  const { size } = await stat(file);
  if (size <= mostBytes) return;
  const aside = `${file}.1`;
  // On a disk without room the log is given up: half of it helps nobody, and its room may be what is missing.
  await copyFile(file, aside).catch(() => rm(aside, { force: true }));
  await truncate(file);
}
