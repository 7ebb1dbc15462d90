import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from '@anneal/contracts';
import { becomes, killTree } from './kill-tree.js';
import { tailLines } from './log-tail.js';
import { bootId, family, isAlive, signalProcess, type ProcessId } from './proc.js';
import type { ExitRecord, ProcessIdentity, ProcessSpec, ProcessState, SupervisedProcess } from './process-types.js';
import { readExit, readRun, writeAttended, writeLost, type RunRecord } from './records.js';
import { startChild } from './start-child.js';

const supervisorFile = fileURLToPath(new URL('../supervisor.mjs', import.meta.url));
const pollMs = 100;
/** Node starts in a tenth of a second; a machine that is busy with training may take its time. */
const supervisorStartMs = 30_000;
/** From the end of the command until its supervisor has written exit.json. */
const recordMs = 5_000;

/**
 * Starts the command under a supervisor and resolves when both are on record. They go on when this process ends, however
 * it ends; `adoptProcess` finds them again.
 *
 * @throws Failure RUN_CONFLICT when a process of the same folder still lives; what {@link startChild} says
 */
export async function startProcess(spec: ProcessSpec): Promise<SupervisedProcess> {
  await mkdir(spec.directory, { recursive: true });
  const present = await adoptProcess(spec.directory);
  if (present !== undefined && !('ended' in present)) throw conflict(spec.directory);
  if (present !== undefined) await putAway(spec.directory);
  const mark = randomUUID();
  const log = await open(join(spec.directory, 'stderr.log'), 'a');
  try {
    // Files, never pipes, for all that is to live on: writing to a pipe whose reader died kills the writer.
    const supervisor = await startChild(process.execPath, () =>
      spawn(process.execPath, [supervisorFile], {
        cwd: spec.directory,
        env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin' },
        stdio: ['pipe', log.fd, log.fd],
        detached: true,
      }),
    );
    const failed = once(supervisor, 'exit').then(() => undefined);
    failed.catch(() => undefined);
    supervisor.stdin?.on('error', () => undefined);
    supervisor.stdin?.end(JSON.stringify({ ...spec, mark }));
    supervisor.unref();
    await Promise.race([failed, becomes(() => isOnRecord(spec), supervisorStartMs)]);
    if (readRun(spec.directory) === undefined) supervisor.kill('SIGKILL');
  } finally {
    await log.close();
  }
  const run = readRun(spec.directory);
  if (run?.mark === mark) return new RecordedProcess(spec.directory, run);
  if (run !== undefined) throw conflict(spec.directory);
  throw new Failure('INTERNAL', `The supervisor of ${spec.command} did not start.`, {
    remedy: `Look in ${join(spec.directory, 'stderr.log')}.`,
  });
}

/**
 * Finds the process of a folder: one that lives (also while its supervisor does not), the record of one that ended, or
 * undefined when none was ever started there.
 */
export async function adoptProcess(directory: string): Promise<SupervisedProcess | { ended: ExitRecord } | undefined> {
  const run = readRun(directory);
  if (run === undefined) return undefined;
  const adopted = new RecordedProcess(directory, run);
  if (adopted.state() !== 'ended') return adopted;
  return { ended: readExit(directory) ?? writeLost(directory) };
}

class RecordedProcess implements SupervisedProcess {
  readonly directory: string;
  readonly identity: ProcessIdentity;
  #run: RunRecord;

  constructor(directory: string, run: RunRecord) {
    this.directory = directory;
    this.identity = run.identity;
    this.#run = run;
  }

  get pid(): number {
    return this.#command()?.pid ?? this.#run.supervisor.pid;
  }

  get warning(): string | undefined {
    this.#refresh();
    return this.#run.warning;
  }

  state(): ProcessState {
    if (readExit(this.directory) !== undefined) return 'ended';
    if (!this.#lives()) return 'ended';
    this.#refresh();
    return this.#run.state;
  }

  async wait(signal?: AbortSignal): Promise<ExitRecord> {
    const { attendedSeconds } = this.#run;
    let attendedAt = -Infinity;
    for (;;) {
      signal?.throwIfAborted();
      if (attendedSeconds !== undefined && performance.now() - attendedAt > (attendedSeconds * 1000) / 6) {
        writeAttended(this.directory, attendedSeconds);
        attendedAt = performance.now();
      }
      const lives = this.#lives();
      // Read after the look at the process: a supervisor writes the record and then ends, never the other way round.
      const record = readExit(this.directory);
      if (record !== undefined) return record;
      if (!lives) return writeLost(this.directory);
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  leaveFor(seconds: number): void {
    if (this.#run.attendedSeconds !== undefined) writeAttended(this.directory, seconds);
  }

  async kill(graceMs: number): Promise<void> {
    // One that waits for its slot has no command yet. Its supervisor is asked to give up, and does so at once.
    if (this.#command() === undefined) {
      signalProcess(this.#run.supervisor, 'SIGTERM');
      await becomes(() => this.#command() !== undefined || !this.#supervised(), recordMs);
    }
    const command = this.#command();
    if (command !== undefined) {
      const group = this.#run.pgid ?? command.pid;
      await killTree({ roots: [command], group, mark: this.#run.mark }, graceMs);
    }
    await becomes(() => !this.#supervised(), recordMs);
    if (this.#supervised()) {
      await killTree({ roots: [this.#run.supervisor], group: this.#run.supervisor.pid, mark: this.#run.mark }, 0);
    }
    if (readExit(this.directory) === undefined) writeLost(this.directory);
  }

  async tailLog(lines: number): Promise<string> {
    const logs = await Promise.all(
      ['stdout.log', 'stderr.log'].map((name) => tailLines(join(this.directory, name), lines)),
    );
    return logs.filter((log) => log !== '').join('\n');
  }

  #refresh(): void {
    const now = readRun(this.directory);
    if (now?.mark === this.#run.mark) this.#run = now;
  }

  #supervised(): boolean {
    return this.#run.bootId === bootId() && isAlive(this.#run.supervisor);
  }

  #lives(): boolean {
    if (this.#supervised()) return true;
    const command = this.#command();
    return command !== undefined && isAlive(command);
  }

  /** The command's process. Its supervisor may have died before it wrote the pid: then the mark finds it. */
  #command(): ProcessId | undefined {
    if (this.#run.pid === undefined) this.#refresh();
    const { pid, startTime = '', mark } = this.#run;
    if (this.#run.bootId !== bootId()) return undefined;
    if (pid !== undefined) return { pid, startTime };
    return this.#supervised() ? undefined : family([], mark)[0];
  }
}

/** Whether the command runs or has ended; with a slot it is enough that it waits, which may take hours. */
function isOnRecord({ directory, slot }: ProcessSpec): boolean {
  const run = readRun(directory);
  return run !== undefined && (slot !== undefined || run.pid !== undefined || readExit(directory) !== undefined);
}

/** Makes room for another attempt in the same folder; the logs of the last one stay beside it. */
async function putAway(directory: string): Promise<void> {
  const label = `attempt-${readRun(directory)?.identity.attempt ?? 0}`;
  for (const stream of ['stdout', 'stderr']) {
    await rename(join(directory, `${stream}.log`), join(directory, `${stream}.${label}.log`)).catch(() => undefined);
  }
  await rm(join(directory, 'exit.json'), { force: true });
  await rm(join(directory, 'attended'), { force: true });
  await rm(join(directory, 'run.json'), { force: true });
}

function conflict(directory: string): Failure {
  return new Failure('RUN_CONFLICT', `A process already runs in ${directory}.`, {
    remedy: 'Adopt it, or kill it and start again.',
    retryable: true,
  });
}
