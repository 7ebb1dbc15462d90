import { z } from 'zod';
import type { FurtherKeys } from './further-keys.js';

/** What a model learns from: answers, or which of two answers is the better one. */
export const trainingObjective = z.enum(['sft', 'dpo']);
export type TrainingObjective = z.infer<typeof trainingObjective>;

/**
 * Of an adapter and of all weights, when a RunSpec names none. Those of DPO are the ones of the published recipes of Zephyr
 * 7B (alignment-handbook, dpo-qlora and dpo-full): a model that has learnt its answers is moved a little.
 */
export const defaultLearningRates = {
  sft: { lora: 2e-4, qlora: 2e-4, full: 2e-5 },
  dpo: { lora: 5e-6, qlora: 5e-6, full: 5e-7 },
} as const;
/** As in the paper (arXiv 2305.18290, appendix B) and in TRL. */
export const defaultBeta = 0.1;

export const dpoShape = {
  beta: z
    .number()
    .positive()
    .max(2)
    .default(defaultBeta)
    .describe('How closely the model is kept to the one it began as: the higher, the closer.'),
};

interface Training {
  readonly objective: TrainingObjective;
  readonly dpo?: object | undefined;
  readonly samplePacking: boolean;
  readonly axolotl?: FurtherKeys | undefined;
}

/** What has no meaning for what is to be learnt. */
export function refuseContradictions(
  { objective, dpo, samplePacking, axolotl }: Training,
  context: z.RefinementCtx,
): void {
  const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (objective === 'sft') {
    if (dpo) refuse(['dpo'], 'is for objective dpo, and the objective is sft');
    return;
  }
  if (samplePacking) refuse(['samplePacking'], 'preference pairs are not packed: leave it out with objective dpo');
  // Their loss is another one, and Axolotl would pass over these without a word.
  for (const key of ['chunked_cross_entropy', 'train_on_inputs'] as const)
    if (axolotl?.[key] === true) refuse(['axolotl', key], 'has no meaning with objective dpo');
}

/** Puts what `method: dpo` is short for in its place; what contradicts itself stays as it is and is refused. */
export function spellOut(training: unknown): unknown {
  if (typeof training !== 'object' || training === null || !('method' in training)) return training;
  if (training.method !== 'dpo') return training;
  if ('objective' in training && training.objective !== 'dpo') return training;
  return { ...training, method: 'lora', objective: 'dpo' };
}

const columnsOfOthers = {
  sft: ['prompt', 'chosen', 'rejected'],
  dpo: ['question', 'input', 'answer', 'tools', 'text'],
} as const satisfies Record<TrainingObjective, readonly string[]>;

/** Columns that only rows of the other kind have. */
export function refuseOtherColumns(
  {
    dataset: { columns = {} },
    training: { objective },
  }: { dataset: { columns?: object | undefined }; training: { objective: TrainingObjective } },
  context: z.RefinementCtx,
): void {
  const others: readonly string[] = columnsOfOthers[objective];
  const message =
    objective === 'dpo'
      ? 'is for rows with one answer; preference pairs have prompt, chosen and rejected'
      : 'is for preference pairs: set training.objective to dpo, or name question and answer';
  for (const column of Object.keys(columns).filter((name) => others.includes(name)))
    context.addIssue({ code: 'custom', path: ['dataset', 'columns', column], message });
}
