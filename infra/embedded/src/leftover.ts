import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writePrivateFile } from './atomic-file.js';
import { executableOf, identify, isRunning, processIdentity } from './process-identity.js';

const processRecord = processIdentity.extend({ executable: z.string() });
type ProcessRecord = z.infer<typeof processRecord>;

const pollMs = 20;

/** Writes down a process, so that the next start can end it if this one is killed. */
export function recordProcess(pidFile: string, pid: number, executable: string): void {
  const identity = identify(pid);
  if (identity) writePrivateFile(pidFile, JSON.stringify({ ...identity, executable } satisfies ProcessRecord));
}

/**
 * Ends the server that a killed supervisor left behind, and waits until it is gone: before that its ports and files are
 * not free. Only a process that was written down and still runs the same program is touched. Says which one it ended.
 */
export async function endLeftover(
  pidFile: string,
  stopSignal: NodeJS.Signals,
  graceMs: number,
): Promise<number | undefined> {
  const record = readRecord(pidFile);
  const ours = record !== undefined && isRunning(record) && executableOf(record.pid) === record.executable;
  if (ours) {
    signal(record.pid, stopSignal);
    if (!(await isGoneWithin(record, graceMs))) {
      signal(record.pid, 'SIGKILL');
      await isGoneWithin(record, Number.POSITIVE_INFINITY);
    }
  }
  rmSync(pidFile, { force: true });
  return ours ? record.pid : undefined;
}

/** It may have ended since it was looked at, which is what was wanted. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function readRecord(pidFile: string): ProcessRecord | undefined {
  try {
    return processRecord.parse(JSON.parse(readFileSync(pidFile, 'utf8')));
  } catch {
    return undefined;
  }
}

async function isGoneWithin(record: ProcessRecord, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (isRunning(record)) {
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}
