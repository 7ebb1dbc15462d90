import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { answers, family, hasProc, signalAny, signalProcess, type ProcessId } from './proc.js';

/** Nothing outlives SIGKILL longer than this, except a process that hangs in the kernel. */
const hangsAfterMs = 20_000;
const pollMs = 25;

export interface Tree {
  readonly roots: readonly ProcessId[];
  /** Process group that gets the first, gentle signal. */
  readonly group: number;
  readonly mark: string | undefined;
}

/** SIGTERM to the group, a grace, then SIGKILL to every member of the tree until none is left. */
export async function killTree({ roots, group, mark }: Tree, graceMs: number): Promise<void> {
  const known = new Map<number, ProcessId>();
  // Taken before the first signal: when a parent dies its children are handed to init and the ancestry is lost.
  const survivors = (): ProcessId[] => {
    const found = family([...roots, ...known.values()], mark);
    known.clear();
    for (const member of found) known.set(member.pid, member);
    return found;
  };
  const gone = (): boolean => (hasProc() ? survivors().length === 0 : !answers(-group));
  if (gone()) return;
  if (graceMs > 0) {
    signalAny(-group, 'SIGTERM');
    if (await becomes(gone, graceMs)) return;
  }
  const killed = await becomes(() => {
    // Again and again: a member may have started another one between the look and the signal.
    for (const member of survivors()) signalProcess(member, 'SIGKILL');
    if (!hasProc()) signalAny(-group, 'SIGKILL');
    return gone();
  }, hangsAfterMs);
  if (killed) return;
  const left = [...known.keys()].join(', ');
  throw new Failure('INTERNAL', `The processes ${left} do not end although they were killed.`, {
    remedy: 'Look at them with ps; a process that hangs in a driver goes only when the machine is restarted.',
  });
}

/** Looks until the condition holds; false when the time is over. */
export async function becomes(condition: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (condition()) return true;
    if (performance.now() >= deadline) return false;
    await sleep(Math.min(pollMs, withinMs));
  }
}
