import {
  artifactRef,
  carriedRunSpec,
  runState,
  runView,
  stageView,
  type StageName,
  type StageView,
  stageNames,
} from '@anneal/contracts';
import { z } from 'zod';
import { absent, bigint, instant } from '../database/columns.js';
import type { RunRecord } from './run.record.js';

const { dataset, plan, training, merge, results, verdict, verdictRule, alarms, problems, failure } = runView.shape;

export const runRow = z.object({
  id: z.string(),
  project: z.string(),
  name: z.string(),
  state: runState,
  version: z.int(),
  change: bigint,
  turn: z.int(),
  renewed: z.partialRecord(stageView.shape.stage, z.int()),
  created_at: instant,
  finished_at: absent(instant),
  spec: absent(carriedRunSpec),
  dataset: absent(dataset.unwrap()),
  plan: absent(plan.unwrap()),
  training: absent(training.unwrap()),
  merge: absent(merge.unwrap()),
  results: absent(results.unwrap()),
  verdict: absent(verdict.unwrap()),
  verdict_reason: absent(z.string()),
  verdict_rule: absent(verdictRule.unwrap()),
  alarms: absent(alarms.unwrap()),
  report: absent(artifactRef),
  published_to: absent(z.string()),
  withheld_by: absent(z.string()),
  problems: absent(problems.unwrap()),
  failure: absent(failure.unwrap()),
});
export type RunRow = z.infer<typeof runRow>;

export const stageRow = z.object({
  run_id: z.string(),
  stage: stageView.shape.stage,
  state: stageView.shape.state,
  started_at: absent(instant),
  finished_at: absent(instant),
  progress: absent(stageView.shape.progress.unwrap()),
  failure: absent(stageView.shape.failure.unwrap()),
  attempts: stageView.shape.attempts,
  artifacts: stageView.shape.artifacts,
});
export type StageRow = z.infer<typeof stageRow>;

/** Columns of `run` that a change may touch, in the order of {@link runValues}. */
export const runColumns = [
  'project',
  'name',
  'state',
  'turn',
  'renewed',
  'created_at',
  'finished_at',
  'spec',
  'dataset',
  'plan',
  'training',
  'merge',
  'results',
  'verdict',
  'verdict_reason',
  'verdict_rule',
  'alarms',
  'report',
  'published_to',
  'withheld_by',
  'problems',
  'failure',
] as const;

export function runValues(run: RunRecord): unknown[] {
  return [
    run.project,
    run.name,
    run.state,
    run.turn,
    toJson(run.renewed),
    run.createdAt,
    run.finishedAt ?? null,
    toJson(run.spec),
    toJson(run.dataset),
    toJson(run.plan),
    toJson(run.training),
    toJson(run.merge),
    toJson(run.results),
    run.verdict ?? null,
    run.verdictReason ?? null,
    run.verdictRule ?? null,
    toJson(run.alarms),
    toJson(run.report),
    run.publishedTo ?? null,
    run.withheldBy ?? null,
    toJson(run.problems),
    toJson(run.failure),
  ];
}

/** A stage as a row of the table `stage`. */
export function stageColumns({ startedAt, finishedAt, ...same }: StageView): object {
  return { ...same, started_at: startedAt, finished_at: finishedAt };
}

export function toRecord(row: RunRow, stages: readonly StageRow[]): RunRecord {
  return present<RunRecord>({
    id: row.id,
    project: row.project,
    name: row.name,
    state: row.state,
    version: row.version,
    change: row.change,
    turn: row.turn,
    renewed: row.renewed,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
    stages: stages.toSorted((a, b) => placeOf(a.stage) - placeOf(b.stage)).map(toStage),
    dataset: row.dataset,
    plan: row.plan,
    training: row.training,
    merge: row.merge,
    results: row.results,
    verdict: row.verdict,
    verdictReason: row.verdict_reason,
    verdictRule: row.verdict_rule,
    alarms: row.alarms,
    publishedTo: row.published_to,
    withheldBy: row.withheld_by,
    problems: row.problems,
    failure: row.failure,
    spec: row.spec,
    report: row.report,
  });
}

function toStage({ run_id: _run, started_at, finished_at, ...same }: StageRow): StageView {
  return present<StageView>({ ...same, startedAt: started_at, finishedAt: finished_at });
}

function placeOf(stage: StageName): number {
  return stageNames.indexOf(stage);
}

/** Leaves out the fields that are undefined, so that a record read back equals the one written. */
function present<T extends object>(value: T): T {
  // Fields that are undefined are optional in T, so T stays true without them.
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}

/** A parameter for a jsonb column. */
export function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
