import type { FailureCode } from '@anneal/contracts';
import type { EngineEvent } from './engine-events.js';

export interface EndedTraining {
  readonly exit: { code: number | null; signal: string | null };
  /** Events of this start only. */
  readonly events: readonly EngineEvent[];
  /** The last lines of its output. */
  readonly log: string;
  /** Whether it may end before its last step because the loss falls no more. */
  readonly stopsEarly?: boolean;
}

export type TrainOutcome =
  | { kind: 'completed' }
  | { kind: 'stopped'; step: number }
  | { kind: 'failed'; code: TrainFailureCode; detail: string };

export type TrainFailureCode = Extract<
  FailureCode,
  | 'GPU_OUT_OF_MEMORY'
  | 'HOST_OUT_OF_MEMORY'
  | 'LOSS_NOT_FINITE'
  | 'NCCL_TIMEOUT'
  | 'BAD_CONFIG'
  | 'BAD_DATA'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_GATED'
  | 'DISK_FULL'
  | 'KILLED'
  | 'ENGINE_BUG'
>;

/**
 * What an ended training was. Exit status 0 proves nothing: a stopped, an interrupted and a watched-dog run have it too.
 * Complete means that every step was done, that the model was saved, and that the plugin said so last.
 */
export function trainOutcome({ exit, events, log, stopsEarly = false }: EndedTraining): TrainOutcome {
  const end = events.findLast((event) => event.event === 'trainEnd');
  const done = events.findLast((event) => event.event === 'done');
  const saved = events.some((event) => event.event === 'saved');
  if (exit.code === 0 && end && done && saved) {
    if (end.stopped || done.stopped) return { kind: 'stopped', step: end.step };
    if (end.step === end.maxSteps || (stopsEarly && end.step > 0)) return { kind: 'completed' };
  }
  const failed = events.findLast((event) => event.event === 'failed');
  const detail = failed ? `${failed.error}: ${failed.message}` : lastError(log);
  return { kind: 'failed', code: failureCode(exit, events, { detail, log }), detail };
}

// The first that matches decides, so the special ones come before the general ones.
const signs: readonly { code: TrainFailureCode; pattern: RegExp }[] = [
  { code: 'LOSS_NOT_FINITE', pattern: /LossNotFinite|loss watchdog/i },
  { code: 'GPU_OUT_OF_MEMORY', pattern: /CUDA out of memory|OutOfMemoryError/ },
  { code: 'DISK_FULL', pattern: /No space left on device|ENOSPC|Disk quota exceeded/i },
  { code: 'HOST_OUT_OF_MEMORY', pattern: /MemoryError|Cannot allocate memory|DefaultCPUAllocator: can't allocate/ },
  { code: 'MODEL_GATED', pattern: /GatedRepoError|gated repo/i },
  {
    code: 'NCCL_TIMEOUT',
    // The watchdog ends a process whose collective call was not answered; the others say that they lost it.
    pattern:
      /Watchdog caught collective operation timeout|NCCL (error|timeout)|ncclSystemError|ncclRemoteError|Timed out waiting \d+ms for (send|recv) operation|Connection (closed|reset) by peer/,
  },
  {
    code: 'MODEL_NOT_FOUND',
    pattern:
      /OSError: .*(config\.json|no file named|not a valid model|Repo id must be)|HFValidationError|Unrecognized model/,
  },
  {
    code: 'BAD_CONFIG',
    pattern: /pydantic.*ValidationError|validation errors? for Axolotl|unrecognized arguments/,
  },
  {
    code: 'BAD_DATA',
    pattern:
      /DatasetGenerationError|Messages is null|Sequence encountered with \d+ tokens, which exceeds|Sample exceeds configured sequence_len|Prompt, chosen and rejected keys are required|KeyError: '(messages|question|answer|chosen|rejected)'/,
  },
];

function failureCode(
  exit: EndedTraining['exit'],
  events: readonly EngineEvent[],
  { detail, log }: { detail: string; log: string },
): TrainFailureCode {
  const said = signs.find(({ pattern }) => pattern.test(detail));
  // A process that lost the others speaks of them, and one of them may have been killed.
  if (said && said.code !== 'NCCL_TIMEOUT') return said.code;
  // The kernel's answer to a full memory; under a launcher its signal is only in the text.
  const killed = exit.signal === 'SIGKILL' || /exitcode\s*: -9|died with .*SIGKILL/.test(log);
  if (killed || exit.signal !== null || exit.code === null) return 'KILLED';
  if (said) return said.code;
  // The error that ended it may be the consequence of another one.
  const seen = signs.find(({ pattern }) => pattern.test(log));
  if (seen) return seen.code;
  return exit.code === 2 && events.length === 0 ? 'BAD_CONFIG' : 'ENGINE_BUG';
}

function lastError(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const errors = [...lines.keys()].filter((at) => /^[\w.]*(Error|Exception|Interrupt)\b/.test(lines[at] ?? ''));
  // The launcher speaks last, and says only that its command failed.
  const own = errors.findLast(
    (at) => !/^(subprocess\.CalledProcessError|[\w.]*ChildFailedError)\b/.test(lines[at] ?? ''),
  );
  const at = own ?? errors.at(-1) ?? lines.length - 1;
  // Pydantic names the field and its fault on the lines after its own.
  const length = /ValidationError: \d+ validation error/.test(lines[at] ?? '') ? 3 : 1;
  return (
    lines
      .slice(at, at + length)
      .join(' ')
      .slice(0, 500) || 'it said nothing'
  );
}
