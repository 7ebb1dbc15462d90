import { isDeepStrictEqual } from 'node:util';
import {
  isFinal,
  stageNames,
  type AcceptedRunSpec,
  type ArtifactRef,
  type EndedAttempt,
  type EvaluatedModel,
  type FailureDetail,
  type MergedModel,
  type PreparedDataset,
  type Progress,
  type StageName,
  type StageView,
  type TrainedModel,
  type TrainingPlan,
  type Verdict,
} from '@anneal/contracts';
import type { RunRecord } from './run.record.js';
import { withBegun, withEnded, withoutRunning } from './stage.attempts.js';

/** What the gateway says when a run ends. */
export type ClosingWord =
  | { word: 'succeeded'; verdict: Verdict; publishedTo?: string }
  | { word: 'failed'; stage: StageName; failure: FailureDetail }
  | { word: 'cancelled'; by: string };

/** A run after an event. The closing word is there exactly when this event ended the run; an unchanged run is the same object. */
export interface Step {
  readonly run: RunRecord;
  readonly closing?: ClosingWord;
}

/** Gives a run that was first heard of without a RunSpec its RunSpec and name. */
export function described(run: RunRecord, spec: AcceptedRunSpec): RunRecord {
  if (run.spec !== undefined || run.state === 'rejected') return run;
  return { ...run, spec, name: spec.name };
}

export function datasetPrepared(run: RunRecord, at: string, { artifact, ...dataset }: PreparedDataset): Step {
  if (!learns(run)) return { run };
  return { run: { ...withArtifacts(finishStage(run, 'dataset', at), 'dataset', [artifact]), dataset } };
}

export function trainingStarted(
  run: RunRecord,
  at: string,
  { plan, planArtifact }: { plan: TrainingPlan; planArtifact: ArtifactRef },
): Step {
  const started = startStage(run, 'trainer', at);
  if (!learns(run) || run.plan !== undefined) return { run: started };
  return { run: { ...withArtifacts(started, 'trainer', [planArtifact]), plan } };
}

export function trainingPaused(run: RunRecord, { checkpoint }: { checkpoint?: ArtifactRef | undefined } = {}): Step {
  const waiting = changeStage(run, 'trainer', (stage) => ({ ...stage, state: 'waiting' }));
  return {
    run: checkpoint === undefined || isFinal(run.state) ? waiting : withArtifacts(waiting, 'trainer', [checkpoint]),
  };
}

export function trainingCompleted(
  run: RunRecord,
  at: string,
  { artifact, plan, planArtifact, ...training }: TrainedModel,
): Step {
  if (!learns(run)) return { run };
  const { log } = training;
  const stored = [planArtifact, artifact, ...(log === undefined ? [] : [log])];
  return { run: { ...withArtifacts(finishStage(run, 'trainer', at), 'trainer', stored), plan, training } };
}

export function modelMerged(run: RunRecord, at: string, { artifact, ...merge }: MergedModel): Step {
  if (!learns(run)) return { run };
  return { run: { ...withArtifacts(finishStage(run, 'merger', at), 'merger', [artifact]), merge } };
}

export function evaluationCompleted(run: RunRecord, at: string, evaluation: EvaluatedModel): Step {
  if (!learns(run)) return { run };
  const { results, verdict, reason, rule, report, alarms } = evaluation;
  const finished = withArtifacts(finishStage(run, 'evaluator', at), 'evaluator', [report]);
  const said = { results, verdict, verdictReason: reason, report };
  const more = { ...(rule === undefined ? {} : { verdictRule: rule }), ...(alarms === undefined ? {} : { alarms }) };
  return { run: { ...finished, ...said, ...more } };
}

export function modelPublished(
  run: RunRecord,
  at: string,
  { to, verdict, artifact }: { to: string; verdict: Verdict; artifact: ArtifactRef },
): Step {
  const published = withArtifacts(run, 'publisher', [artifact]);
  // The model was out before the word that the run is over reached the publisher; whoever looks has to know.
  if (run.state === 'cancelled' || run.state === 'failed') return { run: { ...published, publishedTo: to } };
  if (isFinal(run.state)) return { run };
  return {
    run: { ...succeeded(published, at), verdict, publishedTo: to },
    closing: { word: 'succeeded', verdict, publishedTo: to },
  };
}

export function modelWithheld(run: RunRecord, at: string, { rule, verdict }: { rule: string; verdict: Verdict }): Step {
  if (isFinal(run.state)) return { run };
  return { run: { ...succeeded(run, at), verdict, withheldBy: rule }, closing: { word: 'succeeded', verdict } };
}

export function stageFailed(
  run: RunRecord,
  at: string,
  { stage, failure, artifacts = [] }: { stage: StageName; failure: FailureDetail; artifacts?: readonly ArtifactRef[] },
): Step {
  if (isFinal(run.state)) return { run };
  const failed = changeStage(withArtifacts(run, stage, artifacts), stage, (before) => ({
    ...before,
    state: 'failed',
    finishedAt: at,
    failure,
  }));
  return {
    run: { ...endStages(failed, 'cancelled', at), state: 'failed', turn: run.turn + 1, finishedAt: at, failure },
    closing: { word: 'failed', stage, failure },
  };
}

export function cancelled(run: RunRecord, at: string, by: string): Step {
  if (isFinal(run.state)) return { run };
  return {
    run: { ...endStages(run, 'cancelled', at), state: 'cancelled', turn: run.turn + 1, finishedAt: at },
    closing: { word: 'cancelled', by },
  };
}

/** An attempt of a stage's work ended: told of also when the run is over by then. */
export function attempted(run: RunRecord, { stage, attempt }: { stage: StageName; attempt: EndedAttempt }): Step {
  if (run.stages.some((known) => known.attempts.some((other) => isDeepStrictEqual(other, attempt)))) return { run };
  const took = changeStageAnyway(run, stage, (before) => ({
    ...before,
    attempts: withEnded(before.attempts, attempt),
    startedAt: earlier(before.startedAt, attempt.startedAt),
  }));
  return { run: took };
}

export function paused(run: RunRecord): RunRecord {
  return { ...run, state: 'paused', turn: run.turn + 1 };
}

export function resumed(run: RunRecord): RunRecord {
  return { ...run, state: 'running', turn: run.turn + 1 };
}

/** The stages that ended well keep their results; the others begin anew, with what they have done so far. */
export function retried(run: RunRecord): RunRecord {
  const stages = run.stages.map((stage) => (stage.state === 'succeeded' ? stage : waiting(stage)));
  return { ...without(run, ['finishedAt', 'failure']), stages, state: 'running', turn: run.turn + 1 };
}

/** This stage and those after it begin anew, whatever came of them. */
export function retriedFrom(run: RunRecord, from: StageName): RunRecord {
  const turn = run.turn + 1;
  const again = stageNames.slice(stageNames.indexOf(from));
  const stages = run.stages.map((stage) =>
    again.includes(stage.stage) ? { ...waiting(stage), artifacts: [] } : stage,
  );
  const renewed = { ...run.renewed, ...Object.fromEntries(again.map((stage) => [stage, turn])) };
  const facts = again.flatMap((stage) => factsOf[stage]);
  return { ...without(run, ['finishedAt', 'failure', ...facts]), stages, renewed, state: 'running', turn };
}

/** What a run knows from each of its stages. */
const factsOf: Record<StageName, readonly (keyof RunRecord)[]> = {
  dataset: ['dataset'],
  trainer: ['plan', 'training'],
  merger: ['merge'],
  evaluator: ['results', 'verdict', 'verdictReason', 'verdictRule', 'alarms', 'report'],
  publisher: ['withheldBy'],
};

function waiting({ stage, attempts, artifacts }: StageView): StageView {
  return { stage, state: 'waiting', attempts, artifacts };
}

function without(run: RunRecord, fields: readonly (keyof RunRecord)[]): RunRecord {
  const gone = new Set<string>(fields);
  // Only fields that a run need not have are taken away.
  return Object.fromEntries(Object.entries(run).filter(([field]) => !gone.has(field))) as unknown as RunRecord;
}

/** Whether a stage said this before it was begun anew. */
export function isOutdated(run: RunRecord, stage: StageName, turn = 0): boolean {
  return turn < (run.renewed[stage] ?? 0);
}

/**
 * The first word of a stage marks it running; older words than the last one, and words after the end, count for nothing,
 * except that an older one may tell of an attempt.
 */
export function progressed(run: RunRecord, { began, ...progress }: Progress): Step {
  const stage = run.stages.find(({ stage: name }) => name === progress.stage);
  const isNew = stage?.progress === undefined || isNews(progress, stage.progress);
  if (!isNew && began === undefined) return { run };
  const started = startStage(run, progress.stage, progress.at);
  return {
    run: changeStage(started, progress.stage, (before) => {
      const attempts = began === undefined ? before.attempts : withBegun(before.attempts, began);
      if (!isNew && attempts === before.attempts) return before;
      return { ...before, attempts, progress: isNew ? progress : before.progress };
    }),
  };
}

/** Words arrive in order, and several may share a millisecond: of those the last one counts, said again it is no news. */
function isNews(word: Progress, last: Progress): boolean {
  const later = Date.parse(word.at) - Date.parse(last.at);
  return later > 0 || (later === 0 && !isDeepStrictEqual(word, last));
}

/** Facts of events that arrive late still complete the picture of a run that ended well; no other end is touched. */
function learns(run: RunRecord): boolean {
  return !isFinal(run.state) || run.state === 'succeeded';
}

function startStage(run: RunRecord, name: StageName, at: string): RunRecord {
  return changeStage(run, name, (stage) =>
    stage.state === 'running' ? stage : { ...stage, state: 'running', startedAt: stage.startedAt ?? at },
  );
}

function finishStage(run: RunRecord, name: StageName, at: string): RunRecord {
  return changeStage(run, name, (stage) => ({ ...stage, state: 'succeeded', finishedAt: at }));
}

function succeeded(run: RunRecord, at: string): RunRecord {
  return { ...endStages(run, 'succeeded', at), state: 'succeeded', finishedAt: at };
}

function endStages(run: RunRecord, state: 'succeeded' | 'cancelled', at: string): RunRecord {
  const stages = run.stages.map((stage) =>
    stageEnded(stage) ? stage : { ...stage, state, finishedAt: at, attempts: withoutRunning(stage.attempts, at) },
  );
  return { ...run, stages };
}

/** Keeps the newest artifact of each kind. */
function withArtifacts(run: RunRecord, name: StageName, artifacts: readonly ArtifactRef[]): RunRecord {
  return changeStageAnyway(run, name, (stage) => ({
    ...stage,
    artifacts: [...stage.artifacts.filter(({ kind }) => !artifacts.some((other) => other.kind === kind)), ...artifacts],
  }));
}

/** Facts about a stage hold whether or not it, or its run, goes on. */
function changeStageAnyway(run: RunRecord, name: StageName, change: (stage: StageView) => StageView): RunRecord {
  return { ...run, stages: run.stages.map((stage) => (stage.stage === name ? change(stage) : stage)) };
}

function earlier(known: string | undefined, at: string): string {
  return known !== undefined && Date.parse(known) <= Date.parse(at) ? known : at;
}

/** Changes one stage of a run that still goes on, unless that stage has ended. */
function changeStage(run: RunRecord, name: StageName, change: (stage: StageView) => StageView): RunRecord {
  if (isFinal(run.state)) return run;
  let changed = false;
  const stages = run.stages.map((stage) => {
    if (stage.stage !== name || stageEnded(stage)) return stage;
    const after = change(stage);
    changed ||= after !== stage;
    return after;
  });
  return changed ? { ...run, stages } : run;
}

function stageEnded({ state }: StageView): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}
