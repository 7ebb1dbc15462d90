import { Failure, type TrainingPlan } from '@anneal/contracts';
import type { TrainFailureCode } from '@anneal/engine';

const bySystemError: Readonly<Record<string, { message: string; remedy: string }>> = {
  ENOSPC: {
    message: 'The disk that holds the work folder is full.',
    remedy: 'Free some space below WORK_DIR and request the run again.',
  },
  EDQUOT: {
    message: 'The work folder may take no more space.',
    remedy: 'Raise the quota of WORK_DIR and request the run again.',
  },
};

/** The one place where errors of this stage become failures. */
export function toTrainerFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = bySystemError[code];
  if (known) return new Failure('DISK_FULL', known.message, { remedy: known.remedy, cause: error });
  return new Failure('INTERNAL', `The training broke: ${error instanceof Error ? error.message : String(error)}.`, {
    remedy: 'It is tried again; if it stays, the log of the trainer has the details.',
    cause: error,
  });
}

interface Answer {
  readonly message: string;
  readonly remedy: string;
  readonly field?: string;
}

/** What to tell about each way in which Axolotl can end; `detail` is its own last word. */
const answers: Record<TrainFailureCode, (plan: TrainingPlan, detail: string) => Answer> = {
  GPU_OUT_OF_MEMORY: ({ microBatch, sequenceLength }) => ({
    message: `The memory of the GPU does not suffice for ${microBatch} rows of up to ${sequenceLength} tokens at once.`,
    remedy: 'Lower training.microBatch or training.sequenceLength, use lora or qlora, or take a smaller model.',
    field: microBatch > 1 ? 'training.microBatch' : 'training.sequenceLength',
  }),
  HOST_OUT_OF_MEMORY: () => ({
    message: 'The memory of the machine does not suffice for the training.',
    remedy: 'Lower training.microBatch, use lora, take a smaller model, or give the machine more memory.',
    field: 'training.microBatch',
  }),
  LOSS_NOT_FINITE: ({ learningRate }, detail) => ({
    message: `The loss became no number: ${detail}.`,
    remedy: `Lower training.learningRate, which was ${learningRate}, or look for broken rows in the dataset.`,
    field: 'training.learningRate',
  }),
  NCCL_TIMEOUT: ({ processes }, detail) => ({
    message: `The ${processes} processes of the training lost each other: ${detail}.`,
    remedy:
      'It goes on from its last checkpoint; if it stays, look for a failing GPU or link, or set training.gpus to 1.',
    field: 'training.gpus',
  }),
  BAD_CONFIG: (_plan, detail) => ({
    message: `Axolotl refused its configuration: ${detail}.`,
    remedy: 'Change the training section of the RunSpec; the stored plan holds the configuration that was refused.',
    field: 'training',
  }),
  BAD_DATA: (_plan, detail) => ({
    message: `Axolotl could not use the rows of the dataset: ${detail}.`,
    remedy: 'Look for rows that the chat template of the model does not take, or set training.prompt to load-qa.',
    field: 'dataset',
  }),
  MODEL_NOT_FOUND: (_plan, detail) => ({
    message: `Axolotl could not load the base model: ${detail}.`,
    remedy: 'Check that model.base is complete and of a kind that Axolotl knows.',
    field: 'model.base',
  }),
  MODEL_GATED: (_plan, detail) => ({
    message: `The base model is given out only to those who accepted its terms: ${detail}.`,
    remedy: 'Accept the terms on its page, and set HF_TOKEN of the trainer to a token of that account.',
    field: 'model.base',
  }),
  DISK_FULL: () => ({
    message: 'The disk that holds the work folder was full while the training wrote to it.',
    remedy: 'Free some space below WORK_DIR and request the run again.',
  }),
  KILLED: () => ({
    message: 'The training was killed from outside, often for want of memory.',
    remedy: 'It goes on from its last checkpoint; if it stays, lower training.microBatch or free some memory.',
  }),
  ENGINE_BUG: (_plan, detail) => ({
    message: `Axolotl ended with an error of its own: ${detail}.`,
    remedy: 'The logs of the training, below WORK_DIR/trainer, have the details.',
  }),
};

const tooLong = /Sequence encountered with (\d+) tokens, which exceeds the maximum (\d+)/;

/** The failure of a training that ended otherwise than it should. */
export function trainingFailure(code: TrainFailureCode, detail: string, plan: TrainingPlan): Failure {
  const [, tokens, most] = tooLong.exec(detail) ?? [];
  if (tokens !== undefined && most !== undefined) {
    return new Failure('BAD_DATA', `A row of the dataset has ${tokens} tokens, and at most ${most} are taken.`, {
      remedy: 'Raise training.sequenceLength if the model and the memory allow it, or shorten the row.',
      field: 'training.sequenceLength',
    });
  }
  const { message, remedy, field } = answers[code](plan, detail.replace(/\.$/, ''));
  return new Failure(code, message, { remedy, ...(field === undefined ? {} : { field }) });
}
