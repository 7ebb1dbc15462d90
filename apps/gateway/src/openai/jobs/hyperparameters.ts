import { defaultBeta, type Hyperparameters, type JobBody, type TrainingObjective } from '@anneal/contracts';

/** Preferences are learnt in one pass: more of them and the model drifts away from what it could do. */
const usualEpochs = { supervised: 3, dpo: 1 } as const;
/** A step for every fifty rows of an epoch, and no more than this many rows in one. */
const rowsForEachOfBatch = 50;
const largestAutoBatch = 16;
/** More at once would need memory that a small GPU does not have; the rest of a batch is accumulated. */
const largestMicroBatch = 4;

/** @param rows of the training file */
export function settleHyperparameters({ method, hyperparameters: legacy }: JobBody, rows: number): Hyperparameters {
  const type = method?.type ?? 'supervised';
  const wanted = { ...legacy, ...method?.[type]?.hyperparameters };
  const { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: multiplier } = wanted;
  const beta = method?.dpo?.hyperparameters?.beta;
  const autoBatch = Math.min(largestAutoBatch, Math.max(1, Math.round(rows / rowsForEachOfBatch)));
  return {
    n_epochs: typeof epochs === 'number' ? epochs : usualEpochs[type],
    batch_size: typeof batch === 'number' ? batch : autoBatch,
    learning_rate_multiplier: typeof multiplier === 'number' ? multiplier : 1,
    ...(type === 'dpo' ? { beta: typeof beta === 'number' ? beta : defaultBeta } : {}),
  };
}

/** A batch as rows at once, and how often before a step. A pair is two sequences. */
export function splitBatch(
  batch: number,
  objective: TrainingObjective,
): { microBatch: number; gradientAccumulation: number } {
  const most = objective === 'dpo' ? largestMicroBatch / 2 : largestMicroBatch;
  const divisors = Array.from({ length: most }, (_, n) => n + 1).filter((n) => batch % n === 0);
  const microBatch = divisors.at(-1) ?? 1;
  return { microBatch, gradientAccumulation: batch / microBatch };
}
