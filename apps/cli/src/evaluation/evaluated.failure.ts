import { Failure } from '@anneal/contracts';
import { GenerationEnded } from '@anneal/evaluation';

/** What a person is told when a model in a folder could not be asked to the end. */
export function evaluatedFailure(error: unknown, model: string): unknown {
  if (!(error instanceof GenerationEnded)) return error;
  const { exit, log } = error;
  const lastLine = log.trim().split('\n').at(-1) ?? '';
  if (exit.lost || exit.signal !== null) {
    return new Failure('KILLED', `The generation was killed with ${error.unanswered} questions unanswered.`, {
      remedy:
        'The machine may lack memory for this model: lower --batch, or free some. With --out it goes on where it was.',
      cause: error,
    });
  }
  return new Failure('MODEL_INVALID', `The model in ${model} could not be asked: ${lastLine.slice(0, 300)}`, {
    remedy: 'Name a folder that holds config.json, weights, a tokenizer and, for conversations, a chat template.',
    file: model,
    cause: error,
  });
}
