import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from './run-to-end.js';

/** The lock file of a device. Whoever holds it may use the device; it is free when its last descendant is gone. */
export function slotFile(workDir: string, device: 'cpu' | number): string {
  return join(workDir, 'slots', device === 'cpu' ? 'cpu.lock' : `gpu-${device}.lock`);
}

/**
 * Whether somebody holds the lock of a device now, as far as the kernel tells. Good for a choice between devices, not for
 * more: the answer may be wrong when it arrives.
 */
export function isSlotTaken(file: string): boolean {
  try {
    return lockedInodes(readFileSync('/proc/locks', 'utf8')).has(statSync(file).ino);
  } catch {
    return false;
  }
}

/**
 * Whether nobody holds the lock of a device now. It is asked of the lock itself, which is seen across containers that
 * share the folder; so it costs a process.
 */
export async function isSlotFree(file: string): Promise<boolean> {
  try {
    statSync(file);
  } catch {
    return true;
  }
  const args = ['-n', '-E', '75', file, 'true'];
  const { code } = await runToEnd({ command: 'flock', args, timeoutMs: 10_000 });
  return code === 0;
}

/** Inodes of the files in /proc/locks that somebody holds with flock; one that is waited for has an arrow. */
export function lockedInodes(locks: string): Set<number> {
  const held = locks.matchAll(/^\d+: FLOCK .* [0-9a-f]+:[0-9a-f]+:(\d+) \d+ \S+$/gm);
  return new Set([...held].map(([, inode]) => Number(inode)));
}
