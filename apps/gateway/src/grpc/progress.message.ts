import { Failure, stageNames, type Progress, type RetryDetail, type StageName } from '@anneal/contracts';
import type { ComingRetry } from './generated/anneal/runs/v1/ComingRetry.js';
import type { Progress as ProgressMessage } from './generated/anneal/runs/v1/Progress.js';
import type { ProgressUnit } from './generated/anneal/runs/v1/ProgressUnit.js';
import type { Stage } from './generated/anneal/runs/v1/Stage.js';
import { toTimestamp } from './timestamp.js';

export const stages = {
  dataset: 'STAGE_DATASET',
  trainer: 'STAGE_TRAINER',
  merger: 'STAGE_MERGER',
  evaluator: 'STAGE_EVALUATOR',
  publisher: 'STAGE_PUBLISHER',
} as const satisfies Record<StageName, Stage>;

const units = {
  rows: 'PROGRESS_UNIT_ROWS',
  steps: 'PROGRESS_UNIT_STEPS',
  items: 'PROGRESS_UNIT_ITEMS',
  bytes: 'PROGRESS_UNIT_BYTES',
} as const satisfies Record<NonNullable<Progress['unit']>, ProgressUnit>;

/** @throws Failure REQUEST_INVALID for a stage that this version does not know */
export function stageOf(message: Stage): StageName | undefined {
  if (message === 'STAGE_UNSPECIFIED') return undefined;
  const known = stageNames.find((name) => stages[name] === message);
  if (known) return known;
  throw new Failure('REQUEST_INVALID', `"from": ${String(message)} is no stage.`, {
    remedy: `Name one of ${Object.values(stages).join(', ')}.`,
    field: 'from',
  });
}

export function toProgressMessage({ stage, at, unit, startsAt, retry, ...numbers }: Progress): ProgressMessage {
  return {
    ...numbers,
    stage: stages[stage],
    at: toTimestamp(at),
    unit: unit && units[unit],
    startsAt: startsAt === undefined ? undefined : toTimestamp(startsAt),
    retry: retry && toComingRetry(retry),
  };
}

function toComingRetry({ maxAttempts, nextTryAt, failure }: RetryDetail): ComingRetry {
  return { maxAttempts, nextTryAt: toTimestamp(nextTryAt), failure };
}
