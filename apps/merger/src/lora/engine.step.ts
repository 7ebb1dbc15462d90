import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptProcess, slotFile, startProcess } from '@anneal/compute';
import { engineProcessEnv, type EngineCommand } from '@anneal/engine';
import type { ClaimedJob } from '@anneal/jobs';
import type { MergerConfig } from '../merger.config.js';
import { engineFailure } from '../merger.failure.js';

const killGraceMs = 2_000;

export interface StepOptions {
  readonly job: ClaimedJob<unknown>;
  /** The step works here; its paths may be relative to it. */
  readonly folder: string;
  readonly config: MergerConfig;
  readonly signal: AbortSignal;
}

/**
 * Runs one program of the engine on the CPU, when no training or evaluation does. It is killed when the signal is aborted.
 *
 * @returns what it wrote to standard output
 */
export async function runUnderSlot(
  name: string,
  { command, args }: EngineCommand,
  options: StepOptions,
): Promise<string> {
  const { job, folder, config, signal } = options;
  const home = join(folder, 'home');
  await mkdir(home, { recursive: true });
  const process = await startProcess({
    directory: join(folder, name),
    identity: { job: job.id, attempt: job.attempt, token: job.token },
    command,
    args,
    env: engineProcessEnv({ python: config.ENGINE_PYTHON }, { home, threads: config.THREADS }),
    cwd: folder,
    slot: slotFile(config.WORK_DIR, 'cpu'),
    attendedSeconds: 2 * config.LEASE_SECONDS,
  });
  try {
    const exit = await process.wait(signal);
    const output = await readFile(join(process.directory, 'stdout.log'), 'utf8').catch(() => '');
    if (exit.code === 0) return output;
    throw engineFailure(name, exit, await process.tailLog(200));
  } catch (error) {
    if (signal.aborted) await process.kill(killGraceMs);
    throw error;
  }
}

/** Kills what an earlier attempt left running in a folder. */
export async function endLeftover(directory: string): Promise<void> {
  const process = await adoptProcess(directory);
  if (process && !('ended' in process)) await process.kill(killGraceMs);
}
