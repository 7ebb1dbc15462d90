import { appendFile } from 'node:fs/promises';
import { followJsonLines } from '@anneal/compute';
import { Failure, type TrainingPlan } from '@anneal/contracts';
import type { StopSignal } from '@anneal/jobs';
import type { HostedTraining, HostExit } from '../host/training.host.js';
import type { RunFolder } from './run.folder.js';
import { limitMarkLine, type TrainingLog } from './training.log.js';
import { watchTraining, type WatchLimits } from './training.watch.js';

const killGraceMs = 5_000;

export interface AttendOptions {
  readonly folder: RunFolder;
  readonly log: TrainingLog;
  readonly plan: TrainingPlan;
  readonly limits: WatchLimits;
  readonly signal: StopSignal;
  readonly onStop: 'leave' | 'checkpoint';
  readonly checkpointSeconds: number;
  readonly adoptSeconds: number;
}

/**
 * Follows a training to its end. When the signal is aborted the training is killed, left alone, or asked for a
 * checkpoint, and the signal's reason is thrown. One that cannot come to a good end is killed.
 *
 * @throws Failure saying what was wrong with the training
 */
export async function attendTraining(training: HostedTraining, options: AttendOptions): Promise<HostExit> {
  const { folder, log, plan, limits, signal } = options;
  const ended = new AbortController();
  const following = followJsonLines(folder.events, (line) => log.read(line), { signal: ended.signal });
  const trouble = watchTraining(training, log, { plan, limits, folder: folder.path, signal: ended.signal });
  // What ends the watch is no news to anybody.
  trouble.catch(() => undefined);
  try {
    const first = await Promise.race([training.wait(signal), trouble]);
    if (!(first instanceof Failure)) return first;
    await endBadly(training, first, options);
    throw first;
  } catch (error) {
    if (signal.aborted) await endTraining(training, options);
    throw error;
  } finally {
    ended.abort();
    await following;
  }
}

/** Reads what an ended training said. */
export async function readTrainingLog(folder: RunFolder, log: TrainingLog): Promise<void> {
  await followJsonLines(folder.events, (line) => log.read(line), { signal: AbortSignal.abort() });
}

async function endTraining(training: HostedTraining, options: AttendOptions): Promise<void> {
  const { signal, onStop, adoptSeconds } = options;
  const { reason } = signal;
  // Whoever has the job now adopts it, or removes it.
  if (reason === 'lease-lost' && training.roams) return;
  if (reason === 'stopping' && onStop === 'leave') return training.leaveFor(adoptSeconds);
  if ((reason === 'stopping' || reason === 'paused') && (await endWithCheckpoint(training, options))) return;
  await training.kill(killGraceMs);
}

async function endBadly(training: HostedTraining, { code }: Failure, options: AttendOptions): Promise<void> {
  if (code === 'RUN_TIME_EXCEEDED') {
    const saved = await endWithCheckpoint(training, options);
    await appendFile(options.folder.events, limitMarkLine());
    if (saved) return;
  }
  await training.kill(killGraceMs);
}

/** @returns whether the training wrote a checkpoint and ended */
async function endWithCheckpoint(training: HostedTraining, { checkpointSeconds }: AttendOptions): Promise<boolean> {
  if (training.state() !== 'running') return false;
  await training.askToStop();
  return training.wait(AbortSignal.timeout(checkpointSeconds * 1000)).then(
    () => true,
    () => false,
  );
}
