import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Failure, TrainingPlan } from '@anneal/contracts';
import { trainOutcome } from '@anneal/engine';
import type { HostExit } from '../host/training.host.js';
import { trainingFailure } from '../trainer.failure.js';
import type { RunFolder } from './run.folder.js';
import type { TrainingLog } from './training.log.js';

const logBytes = 64 * 1024;

/** How a start of a training ended: with all steps done, with a checkpoint because it was asked to, or badly. */
export async function trainingOutcome({
  folder,
  log,
  exit,
  plan,
}: {
  folder: RunFolder;
  log: TrainingLog;
  exit: HostExit;
  plan: TrainingPlan;
}): Promise<'completed' | 'stopped' | Failure> {
  const text = `${await tail(join(folder.process, 'stdout.log'))}\n${await tail(join(folder.process, 'stderr.log'))}`;
  const outcome = trainOutcome({ exit, events: log.current, log: text, stopsEarly: plan.earlyStopping !== undefined });
  if (outcome.kind !== 'failed') return outcome.kind;
  return exit.failure ?? trainingFailure(outcome.code, outcome.detail, plan);
}

async function tail(path: string): Promise<string> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, logBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
