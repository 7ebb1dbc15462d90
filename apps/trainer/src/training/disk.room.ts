import { statfs } from 'node:fs/promises';
import { Failure, type TrainingPlan } from '@anneal/contracts';

/** Two checkpoints are kept, and a third one is written before the oldest goes. */
const checkpointsAtOnce = 3;
/** Bytes of a checkpoint for each number of the model in float32: itself and two of the optimizer's. Measured: 1.6 GB for 134.5 M. */
const perNumber = { float32: 12, bfloat16: 6 } as const;
const perWeight = { float32: 4, bfloat16: 2 } as const;
/**
 * Share of a model's numbers that an adapter of rank 16 on all linear layers has, at most: 3.6 % of 135 M numbers, less of
 * larger models. An adapter's numbers are float32 whatever the model's are.
 */
const adapterShare = 0.04;

/**
 * Bytes that a training writes at most, beside what has to stay free anyway.
 *
 * @param parameters of the base model
 */
export function roomNeeded({ method, precision, lora, dpo }: TrainingPlan, parameters: number): number {
  if (method === 'full') return parameters * perNumber[precision] * checkpointsAtOnce;
  const trained = Math.min(1, adapterShare * ((lora?.rank ?? 16) / 16)) * parameters;
  // Axolotl saves the base model, too, beside an adapter that learnt from pairs.
  const base = dpo ? parameters * perWeight[precision] : 0;
  return Math.round(trained * perNumber.float32 * checkpointsAtOnce) + base;
}

/** Bytes that this account may still write below a folder; undefined when the system does not tell. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  return found && found.bavail * found.bsize;
}

/** The failure of a disk that has less free than is needed, or undefined. */
export async function diskTooFull(folder: string, needed: number): Promise<Failure | undefined> {
  const free = await freeBytes(folder);
  if (free === undefined || free >= needed) return undefined;
  return new Failure(
    'DISK_FULL',
    `The disk of the work folder has ${gigabytes(free)} left, and the training needs ${gigabytes(needed)}.`,
    { remedy: 'Free some space below WORK_DIR and request the run again.' },
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
