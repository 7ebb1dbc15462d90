import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The lock file of a device. Whoever holds it may use the device; it is free when its last descendant is gone. */
export function slotFile(workDir: string, device: 'cpu' | number): string {
  return join(workDir, 'slots', device === 'cpu' ? 'cpu.lock' : `gpu-${device}.lock`);
}

/**
 * Whether somebody holds the lock of a slot, without trying to take it: one that tries would be in the way of one that
 * waits. Undefined where the kernel does not tell.
 */
export async function isHeld(slot: string): Promise<boolean | undefined> {
  const file = await stat(slot).catch(() => undefined);
  // The first one that wants the slot makes its file.
  if (file === undefined) return false;
  const locks = await readFile('/proc/locks', 'utf8').catch(() => undefined);
  return locks === undefined ? undefined : holdsLock(locks, file);
}

/** Looks for a file in the lines of /proc/locks: `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1048576 0 EOF`. */
export function holdsLock(locks: string, { dev, ino }: { dev: number; ino: number }): boolean {
  // As glibc's makedev packs them: 12 bits of the major number above the 8 low bits of the minor one.
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const hex = (part: number): string => part.toString(16).padStart(2, '0');
  const place = `${hex(major)}:${hex(minor)}:${ino}`;
  // A line with "->" is of one that waits.
  return locks
    .split('\n')
    .some((line) => !line.includes('->') && line.includes(' FLOCK ') && line.split(/\s+/).includes(place));
}
