import { Failure, type FailureCode } from '@anneal/contracts';
import { GenerationEnded } from '@anneal/evaluation';

interface Known {
  readonly code: FailureCode;
  readonly message: string;
  readonly remedy: string;
}

const diskFull: Known = {
  code: 'DISK_FULL',
  message: 'The disk that holds the work folder is full.',
  remedy: 'Free some space below WORK_DIR and request the run again.',
};

const bySystemError: Readonly<Record<string, Known>> = {
  ENOSPC: diskFull,
  EACCES: {
    code: 'BENCHMARK_INVALID',
    message: 'A file of the evaluation may not be read by this service.',
    remedy: 'Give the account of the service read access to it.',
  },
};

/** What the generation writes before it gives up, and what that means. The first that fits wins. */
const byLog: readonly (Known & { readonly pattern: RegExp })[] = [
  { ...diskFull, pattern: /No space left on device/ },
  {
    pattern: /OutOfMemoryError|CUDA out of memory/,
    code: 'GPU_OUT_OF_MEMORY',
    message: 'The model and one prompt do not fit into the memory of the GPU.',
    remedy: 'Lower answerTokens, or evaluate on a GPU with more memory.',
  },
  {
    pattern: /MemoryError|can't allocate memory|Cannot allocate memory/,
    code: 'HOST_OUT_OF_MEMORY',
    message: 'The model and one prompt do not fit into the memory of the host.',
    remedy: 'Lower answerTokens, or evaluate on a host with more memory.',
  },
  {
    pattern: /No module named/,
    code: 'ENGINE_MISSING',
    message: 'The Python environment of the engine is not complete.',
    remedy: 'Run the set-up again, or point ENGINE_PYTHON to a complete environment.',
  },
];

/** Exit status of the engine's scripts for input that they cannot use; their last line says why. */
const badInput = 3;

/** The one place where errors of this stage become failures. */
export function toEvaluatorFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof GenerationEnded) return fromGeneration(error);
  const systemCode = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = bySystemError[systemCode];
  if (known) return failureOf(known, error);
  const detail = error instanceof Error ? error.message : String(error);
  return new Failure('INTERNAL', `The evaluation broke: ${detail}.`, {
    remedy: 'It is tried again; if it stays, the log of the evaluator has the details.',
    cause: error,
  });
}

function fromGeneration(ended: GenerationEnded): Failure {
  const { exit, log, unanswered } = ended;
  const known = byLog.find(({ pattern }) => pattern.test(log));
  if (known) return failureOf(known, ended);
  const lastLine = log.trim().split('\n').at(-1) ?? '';
  if (exit.code === badInput) {
    return new Failure('MODEL_INVALID', lastLine || 'The engine cannot use the model.', {
      remedy: 'Check that the base model has its weights, tokenizer and, for conversations, a chat template.',
      field: 'model.base',
      cause: ended,
    });
  }
  if (exit.lost || exit.signal !== null) {
    return new Failure('KILLED', `The generation was killed with ${unanswered} prompts unanswered.`, {
      remedy: 'It goes on where it was; if it stays, the host may lack memory for this model.',
      cause: ended,
    });
  }
  if (exit.code === 126 || exit.code === 127) {
    return new Failure('ENGINE_MISSING', 'The Python of the engine cannot be started.', {
      remedy: 'Run the set-up, or point ENGINE_PYTHON to the interpreter of the engine.',
      cause: ended,
    });
  }
  return new Failure('ENGINE_BUG', `The generation ended with status ${exit.code}: ${lastLine.slice(0, 300)}`, {
    remedy: 'Report it with the log of the evaluator.',
    cause: ended,
  });
}

function failureOf({ code, message, remedy }: Known, cause: unknown): Failure {
  return new Failure(code, message, { remedy, cause });
}
