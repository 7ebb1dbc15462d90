import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { z } from 'zod';

/** A process beyond doubt: ids are reused, an id together with a start time is not. */
export const processIdentity = z.object({ pid: z.int().positive(), startedAt: z.string().min(1) });
export type ProcessIdentity = z.infer<typeof processIdentity>;

const hasProc = existsSync('/proc/self/stat');
const fieldsBeforeState = 2;
const startTimeField = 22;

/** The identity of a running process; nothing when there is no such process, or only its remains. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!hasProc) return answersSignals(pid) ? { pid, startedAt: 'unknown' } : undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets, and the name may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const startTicks = fields[startTimeField - fieldsBeforeState - 1];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return { pid, startedAt: `${bootId()}:${startTicks}` };
  } catch {
    return undefined;
  }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/** The program file of a process; nothing when that cannot be told. */
export function executableOf(pid: number): string | undefined {
  try {
    // The kernel marks a file that was removed since, as when the cache was emptied meanwhile.
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return undefined;
  }
}

function bootId(): string {
  // Start times count from the boot; after the next boot the same numbers come again.
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
