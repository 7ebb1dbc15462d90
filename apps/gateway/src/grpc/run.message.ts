import type { RunState, StageState, StageView, Verdict, VerdictRule } from '@anneal/contracts';
import type { RunRecord } from '../runs/run.record.js';
import type { RunUpdate } from '../watch/run-updates.js';
import type { Run } from './generated/anneal/runs/v1/Run.js';
import type { RunState as RunStateMessage } from './generated/anneal/runs/v1/RunState.js';
import type { RunUpdate as RunUpdateMessage } from './generated/anneal/runs/v1/RunUpdate.js';
import type { StageState as StageStateMessage } from './generated/anneal/runs/v1/StageState.js';
import type { StageStatus } from './generated/anneal/runs/v1/StageStatus.js';
import type { Verdict as VerdictMessage } from './generated/anneal/runs/v1/Verdict.js';
import type { VerdictRule as VerdictRuleMessage } from './generated/anneal/runs/v1/VerdictRule.js';
import { stages, toProgressMessage } from './progress.message.js';
import { writeStruct } from './struct.js';
import { toTimestamp } from './timestamp.js';

const runStates = {
  running: 'RUN_STATE_RUNNING',
  paused: 'RUN_STATE_PAUSED',
  succeeded: 'RUN_STATE_SUCCEEDED',
  failed: 'RUN_STATE_FAILED',
  cancelled: 'RUN_STATE_CANCELLED',
  rejected: 'RUN_STATE_REJECTED',
} as const satisfies Record<RunState, RunStateMessage>;

const stageStates = {
  waiting: 'STAGE_STATE_WAITING',
  running: 'STAGE_STATE_RUNNING',
  succeeded: 'STAGE_STATE_SUCCEEDED',
  failed: 'STAGE_STATE_FAILED',
  cancelled: 'STAGE_STATE_CANCELLED',
} as const satisfies Record<StageState, StageStateMessage>;

const verdicts = {
  improved: 'VERDICT_IMPROVED',
  regressed: 'VERDICT_REGRESSED',
  inconclusive: 'VERDICT_INCONCLUSIVE',
} as const satisfies Record<Verdict, VerdictMessage>;

const rules = {
  gain: 'VERDICT_RULE_GAIN',
  loss: 'VERDICT_RULE_LOSS',
  'guard-lost': 'VERDICT_RULE_GUARD_LOST',
  'guard-open': 'VERDICT_RULE_GUARD_OPEN',
  'minimum-effect': 'VERDICT_RULE_MINIMUM_EFFECT',
  'no-difference': 'VERDICT_RULE_NO_DIFFERENCE',
} as const satisfies Record<VerdictRule, VerdictRuleMessage>;

/** What callers see of a run. */
export function toRunMessage(run: RunRecord): Run {
  const { id, name, project, verdictReason, publishedTo, withheldBy, failure, problems } = run;
  return {
    ...{ id, name, project, verdictReason, publishedTo, withheldBy, failure, problems },
    state: runStates[run.state],
    createdAt: toTimestamp(run.createdAt),
    finishedAt: run.finishedAt === undefined ? null : toTimestamp(run.finishedAt),
    stages: run.stages.map(toStageStatus),
    verdict: run.verdict && verdicts[run.verdict],
    verdictRule: run.verdictRule && rules[run.verdictRule],
    spec: run.spec && writeStruct(run.spec),
  };
}

export function toUpdateMessage(update: RunUpdate): RunUpdateMessage {
  return 'run' in update ? { run: toRunMessage(update.run) } : { progress: toProgressMessage(update.progress) };
}

function toStageStatus({ stage, state, startedAt, finishedAt, progress, failure }: StageView): StageStatus {
  return {
    stage: stages[stage],
    state: stageStates[state],
    startedAt: startedAt === undefined ? null : toTimestamp(startedAt),
    finishedAt: finishedAt === undefined ? null : toTimestamp(finishedAt),
    progress: progress && toProgressMessage(progress),
    failure,
  };
}
