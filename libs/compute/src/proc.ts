import { readdirSync, readFileSync } from 'node:fs';

/** A process for ever: pids are used again, the start time (clock ticks since boot) tells two of them apart. */
export interface ProcessId {
  readonly pid: number;
  /** Empty where there is no /proc. */
  readonly startTime: string;
}

interface ProcessStat extends ProcessId {
  readonly parent: number;
  readonly dead: boolean;
}

/** Name of the variable by which the processes of one command are found wherever they went. */
export const markVariable = 'ANNEAL_PROCESS';

/** Changes with every boot of the machine; empty where there is no /proc. */
export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Whether /proc is there, that is whether this is Linux. */
export function hasProc(): boolean {
  return read('/proc/self/stat') !== undefined;
}

/** The process of this number now, or undefined. A zombie is there but dead. */
export function processStat(pid: number): ProcessStat | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : parseStat(stat);
}

/** Reads a line of /proc/PID/stat. The name in brackets may itself hold blanks and brackets. */
export function parseStat(stat: string): ProcessStat | undefined {
  const close = stat.lastIndexOf(')');
  const fields = stat.slice(close + 2).split(' ');
  const [state, parent] = fields;
  const startTime = fields[19];
  if (close === -1 || state === undefined || startTime === undefined) return undefined;
  return { pid: Number.parseInt(stat, 10), parent: Number(parent), startTime, dead: state === 'Z' || state === 'X' };
}

/** Whether this very process lives: not another of the same number, not a zombie. */
export function isAlive({ pid, startTime }: ProcessId): boolean {
  if (startTime === '') return answers(pid);
  const stat = processStat(pid);
  return stat !== undefined && !stat.dead && stat.startTime === startTime;
}

/** Whether a process, or a group when negative, takes signals. */
export function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Sends a signal unless the process is gone or its number belongs to another. */
export function signalProcess(target: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  signalAny(target.pid, signal);
}

/** Sends a signal to a process or, when negative, to a group; nothing happens when it is gone. */
export function signalAny(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone meanwhile
  }
}

/**
 * Every living process that descends from the roots or carries the mark. The walk goes by parents, since workers lead
 * groups and sessions of their own; the mark finds those whose parents died and who now belong to init.
 */
export function family(roots: readonly ProcessId[], mark: string | undefined): ProcessId[] {
  const living = allProcesses().filter((stat) => !stat.dead);
  const members = new Map<number, ProcessId>();
  for (const root of roots) if (isAlive(root)) members.set(root.pid, root);
  for (const stat of living) if (mark !== undefined && carries(stat.pid, mark)) members.set(stat.pid, stat);
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const stat of living) {
      if (members.has(stat.parent) && !members.has(stat.pid)) members.set(stat.pid, stat);
    }
  }
  return [...members.values()].map(({ pid, startTime }) => ({ pid, startTime }));
}

function allProcesses(): ProcessStat[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names.flatMap((name) => (/^\d+$/.test(name) ? (processStat(Number(name)) ?? []) : []));
}

function carries(pid: number, mark: string): boolean {
  const environment = read(`/proc/${pid}/environ`);
  return environment !== undefined && environment.split('\0').includes(`${markVariable}=${mark}`);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
