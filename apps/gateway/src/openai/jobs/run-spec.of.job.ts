import { defaultLearningRates, type Hyperparameters, type RunSpec, type RunSpecFragment } from '@anneal/contracts';
import { checkSpec, InvalidSpec } from '../../runs/spec.check.js';
import type { FileRow } from '../files/file.row.js';
import type { BaseOfJob } from '../models/models.js';
import { splitBatch } from './hyperparameters.js';

export interface JobParts {
  readonly id: string;
  readonly runName: string;
  readonly base: BaseOfJob;
  readonly training: FileRow;
  readonly validation: FileRow | undefined;
  readonly hyperparameters: Hyperparameters;
  readonly seed: number;
  readonly fragment: RunSpecFragment;
}

/**
 * The RunSpec of a job. Callers of OpenAI count on a model when the training went well, so the model is published
 * whatever the comparison says, unless the fragment has another rule; the comparison is made and shown all the same.
 *
 * @throws InvalidSpec that names fields of the fragment as `anneal.…`
 */
export function runSpecOfJob(parts: JobParts): RunSpec {
  const { id, runName, base, training, validation, hyperparameters, seed, fragment } = parts;
  const { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: multiplier } = hyperparameters;
  const method = fragment.training?.['method'];
  const usualRate = defaultLearningRates[method === 'full' || method === 'qlora' ? method : 'lora'];
  try {
    return checkSpec({
      id,
      name: runName,
      model: { base: base.reference, ...(base.revision === undefined ? {} : { revision: base.revision }) },
      dataset: {
        ...fragment.dataset,
        source: sourceOf(training),
        ...(validation ? { heldOutFrom: sourceOf(validation) } : {}),
      },
      training: {
        method: 'lora',
        epochs,
        ...splitBatch(batch),
        learningRate: usualRate * multiplier,
        seed,
        ...fragment.training,
      },
      ...(fragment.evaluation ? { evaluation: fragment.evaluation } : {}),
      publish: { when: 'always', ...fragment.publish },
    });
  } catch (error) {
    if (!(error instanceof InvalidSpec)) throw error;
    throw new InvalidSpec(error.problems.map(({ field, message }) => ({ field: `anneal.${field}`, message })));
  }
}

function sourceOf({ artifact }: FileRow): string {
  return `artifact:${artifact.digest}`;
}
