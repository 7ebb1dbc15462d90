import {
  defaultLearningRates,
  type Hyperparameters,
  type RunSpec,
  type RunSpecFragment,
  type TrainingObjective,
} from '@anneal/contracts';
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
  const { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: multiplier, beta } = hyperparameters;
  const method = fragment.training?.['method'];
  const objective = beta === undefined ? 'sft' : 'dpo';
  const usualRate = defaultLearningRates[objective][method === 'full' || method === 'qlora' ? method : 'lora'];
  refuseOtherObjective(fragment, objective);
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
        objective,
        ...(beta === undefined ? {} : { dpo: { beta } }),
        epochs,
        ...splitBatch(batch, objective),
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

/** What is learnt is said by the method of the job, which everything else about it is settled by. */
function refuseOtherObjective({ training = {} }: RunSpecFragment, objective: TrainingObjective): void {
  const fields = ['objective', 'dpo'].filter((field) => training[field] !== undefined);
  const problems = fields
    .filter((field) => !(field === 'objective' && training[field] === objective))
    .map((field) => ({
      field: `anneal.training.${field}`,
      message: 'is said by "method": {"type": "dpo"} of the job',
    }));
  if (training['method'] === 'dpo')
    problems.push({
      field: 'anneal.training.method',
      message: 'says which weights are trained; learning from pairs is said by "method": {"type": "dpo"} of the job',
    });
  if (problems.length > 0) throw new InvalidSpec(problems);
}

function sourceOf({ artifact }: FileRow): string {
  return `artifact:${artifact.digest}`;
}
