import type { EndedAttempt, Progress, StageName } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { samplePlan as plan, sampleEvents, sampleSpec } from '@anneal/testing';
import { openedRun, rejectedRun, unknownRun, type RunRecord } from './run.record.js';
import {
  attempted,
  cancelled,
  datasetPrepared,
  described,
  isOutdated,
  evaluationCompleted,
  modelMerged,
  modelPublished,
  modelWithheld,
  paused,
  progressed,
  resumed,
  retried,
  retriedFrom,
  stageFailed,
  trainingCompleted,
  trainingPaused,
  trainingStarted,
} from './run-state.js';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
const opened = openedRun(sampleSpec('r1'), at(0));
const events = sampleEvents('r1');
const stage = (run: RunRecord, name: StageName) => run.stages.find((entry) => entry.stage === name);
const states = (run: RunRecord) => run.stages.map(({ state }) => state).join(' ');
const progress = (second: number, done = 1): Progress => ({
  runId: 'r1',
  stage: 'trainer',
  at: at(second),
  attempt: 1,
  phase: 'training',
  done,
});

describe('a run that ends well', () => {
  it('passes its stages one by one and is closed by the published model', () => {
    let run = datasetPrepared(opened, at(1), events.prepared.dataset).run;
    expect(states(run)).toBe('succeeded waiting waiting waiting waiting');
    run = trainingStarted(run, at(2), events.started).run;
    expect(run.plan).toEqual(plan);
    expect(stage(run, 'trainer')).toMatchObject({ state: 'running', startedAt: at(2) });
    run = trainingCompleted(run, at(3), events.trained.training).run;
    run = modelMerged(run, at(4), events.merged.merge).run;
    run = evaluationCompleted(run, at(5), events.evaluated.evaluation).run;
    const { results, alarms } = events.evaluated.evaluation;
    expect(run).toMatchObject({ state: 'running', verdict: 'improved', verdictReason: 'It got better.' });
    expect(run).toMatchObject({ results, alarms });
    const step = modelPublished(run, at(6), events.published);
    expect(step.closing).toEqual({ word: 'succeeded', verdict: 'improved', publishedTo: 'registry:sums:latest' });
    expect(step.run).toMatchObject({ state: 'succeeded', finishedAt: at(6), publishedTo: 'registry:sums:latest' });
    expect(states(step.run)).toBe('succeeded succeeded succeeded succeeded succeeded');
  });

  it('is closed by a withheld model with the rule that held it back', () => {
    const { run, closing } = modelWithheld(opened, at(6), events.withheld);
    expect(closing).toEqual({ word: 'succeeded', verdict: 'inconclusive' });
    expect(run).toMatchObject({ state: 'succeeded', withheldBy: 'not improved' });
  });

  it('is closed once, and a late evaluation still completes its picture', () => {
    const { run } = modelPublished(opened, at(6), events.published);
    expect(modelPublished(run, at(7), events.published)).toEqual({ run });
    const late = evaluationCompleted(run, at(8), events.evaluated.evaluation).run;
    expect(late).toMatchObject({ state: 'succeeded', finishedAt: at(6), results: events.evaluated.evaluation.results });
    expect(states(late)).toBe(states(run));
  });
});

describe('a run that fails', () => {
  const { run: failed, closing } = stageFailed(
    datasetPrepared(opened, at(1), events.prepared.dataset).run,
    at(2),
    events.failed,
  );

  it('shows the failure of the stage and stops the stages that had not ended', () => {
    expect(closing).toEqual({ word: 'failed', stage: 'trainer', failure: events.failed.failure });
    expect(failed).toMatchObject({ state: 'failed', finishedAt: at(2), failure: events.failed.failure });
    expect(states(failed)).toBe('succeeded failed cancelled cancelled cancelled');
    expect(stage(failed, 'trainer')?.failure).toEqual(events.failed.failure);
  });

  it('keeps what the stage stored to be looked at', () => {
    const log = { ...events.prepared.dataset.artifact, kind: 'log' as const };
    const { run } = stageFailed(opened, at(2), { ...events.failed, artifacts: [log] });
    expect(stage(run, 'trainer')?.artifacts).toEqual([log]);
  });

  it('keeps its first final word whatever comes later', () => {
    expect(stageFailed(failed, at(3), events.failed)).toEqual({ run: failed });
    for (const step of [
      datasetPrepared(failed, at(3), events.prepared.dataset),
      trainingStarted(failed, at(3), events.started),
      trainingPaused(failed),
      trainingCompleted(failed, at(3), events.trained.training),
      modelMerged(failed, at(3), events.merged.merge),
      evaluationCompleted(failed, at(3), events.evaluated.evaluation),
      modelWithheld(failed, at(3), events.withheld),
      progressed(failed, progress(4)),
      cancelled(failed, at(3), 'api'),
    ]) {
      expect(step.run).toBe(failed);
      expect(step.closing).toBeUndefined();
    }
  });
});

describe('a run that was cancelled too late', () => {
  it('shows the model that was out already, and stays cancelled', () => {
    const { run: gone } = cancelled(opened, at(1), 'api');
    const { run, closing } = modelPublished(gone, at(2), events.published);
    expect(run).toMatchObject({ state: 'cancelled', finishedAt: gone.finishedAt, publishedTo: events.published.to });
    expect(states(run)).toBe(states(gone));
    expect(closing).toBeUndefined();
  });
});

describe('a run that waits', () => {
  it('still takes what its stages say, and can end', () => {
    const waiting = paused(opened);
    expect(waiting).toMatchObject({ state: 'paused', turn: 1 });
    expect(stage(datasetPrepared(waiting, at(1), events.prepared.dataset).run, 'dataset')?.state).toBe('succeeded');
    expect(cancelled(waiting, at(1), 'api').run).toMatchObject({ state: 'cancelled', turn: 2 });
    expect(modelPublished(waiting, at(1), events.published).run.state).toBe('succeeded');
    expect(resumed(waiting)).toMatchObject({ state: 'running', turn: 2 });
  });
});

describe('a run that is retried', () => {
  it('keeps the stages that ended well and begins the others anew', () => {
    const { run: failed } = stageFailed(
      datasetPrepared(opened, at(1), events.prepared.dataset).run,
      at(2),
      events.failed,
    );
    const again = retried(failed);
    expect(again).toMatchObject({ state: 'running', turn: failed.turn + 1 });
    expect(again).not.toHaveProperty('failure');
    expect(again).not.toHaveProperty('finishedAt');
    expect(states(again)).toBe('succeeded waiting waiting waiting waiting');
    expect(stageFailed(again, at(3), events.failed).run).toMatchObject({ state: 'failed', turn: again.turn + 1 });
  });
});

describe('a run that is retried from a stage', () => {
  const trained = trainingCompleted(
    datasetPrepared(opened, at(1), events.prepared.dataset).run,
    at(2),
    events.trained.training,
  ).run;
  const evaluated = evaluationCompleted(
    modelMerged(trained, at(3), events.merged.merge).run,
    at(4),
    events.evaluated.evaluation,
  ).run;
  const { run: withheld } = modelWithheld(evaluated, at(5), events.withheld);
  const again = retriedFrom(withheld, 'merger');

  it('begins that stage and those after it anew, and forgets what they found out', () => {
    expect(states(again)).toBe('succeeded succeeded waiting waiting waiting');
    expect(again).toMatchObject({ state: 'running', turn: withheld.turn + 1, training: { steps: 10 } });
    for (const fact of [
      'finishedAt',
      'merge',
      'results',
      'verdict',
      'verdictReason',
      'verdictRule',
      'alarms',
      'report',
      'withheldBy',
    ]) {
      expect(again, fact).not.toHaveProperty(fact);
    }
    expect(again.stages.map(({ artifacts }) => artifacts.length)).toEqual([1, 2, 0, 0, 0]);
  });

  it('tells what those stages said before from what they say now', () => {
    expect(isOutdated(again, 'trainer')).toBe(false);
    expect([isOutdated(again, 'merger'), isOutdated(again, 'publisher', again.turn)]).toEqual([true, false]);
    const later = retriedFrom({ ...again, state: 'failed' }, 'publisher');
    expect([isOutdated(later, 'merger', again.turn), isOutdated(later, 'publisher', again.turn)]).toEqual([
      false,
      true,
    ]);
  });
});

describe('the artifacts of a run', () => {
  it('keeps what a training wrote beside what came of it', () => {
    const log = { ...events.trained.training.artifact, kind: 'log' as const };
    const { stages } = trainingCompleted(opened, at(3), { ...events.trained.training, log }).run;
    expect(stages.find(({ stage }) => stage === 'trainer')?.artifacts).toContainEqual(log);
  });
});

describe('events out of order', () => {
  it('keep a finished stage finished', () => {
    const done = trainingCompleted(opened, at(3), events.trained.training).run;
    const { run } = trainingStarted(done, at(4), events.started);
    expect(stage(run, 'trainer')).toEqual(stage(done, 'trainer'));
    expect(trainingPaused(done).run).toBe(done);
  });

  it('give a run that was heard of without a RunSpec its RunSpec later', () => {
    const { run } = stageFailed(unknownRun('r1', at(1)), at(1), events.failed);
    expect(run).toMatchObject({ id: 'r1', name: 'r1', state: 'failed' });
    expect(described(run, sampleSpec('r1'))).toMatchObject({ name: sampleSpec('r1').name, state: 'failed' });
    expect(described(opened, sampleSpec('other'))).toBe(opened);
    const rejected = rejectedRun('r1', [{ field: 'model', message: 'is missing' }], at(0));
    expect(described(rejected, sampleSpec('r1'))).toBe(rejected);
  });
});

describe('progress', () => {
  it('marks a waiting stage running with its first word', () => {
    const { run } = progressed(opened, progress(2));
    expect(stage(run, 'trainer')).toMatchObject({ state: 'running', startedAt: at(2), progress: progress(2) });
  });

  it('does not go back to an older word', () => {
    const { run } = progressed(opened, progress(5, 9));
    expect(progressed(run, progress(4, 3)).run).toBe(run);
    expect(stage(progressed(run, progress(6, 10)).run, 'trainer')?.progress?.done).toBe(10);
  });

  it('takes the last of several words of one millisecond, and none of them twice', () => {
    const { run } = progressed(progressed(opened, progress(5, 1)).run, progress(5, 2));
    expect(stage(run, 'trainer')?.progress?.done).toBe(2);
    expect(progressed(run, progress(5, 2)).run).toBe(run);
  });

  it('never moves a finished stage back', () => {
    const { run } = trainingCompleted(opened, at(3), events.trained.training);
    expect(progressed(run, progress(4)).run).toBe(run);
  });

  it('wakes a paused stage up', () => {
    const { run } = trainingPaused(trainingStarted(opened, at(1), events.started).run);
    expect(stage(run, 'trainer')).toMatchObject({ state: 'waiting', startedAt: at(1) });
    expect(stage(progressed(run, progress(4)).run, 'trainer')).toMatchObject({ state: 'running', startedAt: at(1) });
  });
});

describe('the tree of a run', () => {
  const tried = (claim: number, change: Partial<EndedAttempt> = {}): EndedAttempt => ({
    ...{ work: 'train', claim, number: claim, state: 'failed' as const },
    startedAt: at(claim * 10),
    finishedAt: at(claim * 10 + 5),
    ...change,
  });
  const end = (run: RunRecord, attempt: EndedAttempt): RunRecord => attempted(run, { stage: 'trainer', attempt }).run;
  const begin = (run: RunRecord, claim: number): RunRecord => {
    const began = { work: 'train', claim, number: claim, startedAt: at(claim * 10) };
    return progressed(run, { ...progress(claim * 10), began }).run;
  };
  const told = (run: RunRecord): string[] =>
    (stage(run, 'trainer')?.attempts ?? []).map(({ number, state }) => `${number} ${state}`);

  it('has every attempt, the running one among them, in whatever order the words arrive', () => {
    expect(told(begin(end(begin(opened, 1), tried(1)), 2))).toEqual(['1 failed', '2 running']);
    expect(told(begin(end(begin(opened, 2), tried(1)), 1))).toEqual(['1 failed', '2 running']);
    const done = end(end(begin(opened, 2), tried(2, { state: 'succeeded' })), tried(1));
    expect(told(done)).toEqual(['1 failed', '2 succeeded']);
    expect(stage(done, 'trainer')?.startedAt).toBe(at(10));
    expect(end(done, tried(1))).toBe(done);
  });

  it('has one attempt for those that ended because something was away', () => {
    const failure = { code: 'STORE_UNAVAILABLE', message: 'Away.', remedy: 'Wait.', retryable: true } as const;
    const away = end(end(opened, tried(1, { failure })), tried(2, { number: 1, failure }));
    expect(told(away)).toEqual(['1 failed']);
    expect(told(end(away, tried(3, { number: 1, state: 'succeeded' })))).toEqual(['1 succeeded']);
  });

  it('stops what runs when the run ends, and takes what is told of an attempt later', () => {
    const { run } = cancelled(begin(opened, 1), at(12), 'api');
    expect(stage(run, 'trainer')?.attempts).toMatchObject([{ state: 'cancelled', finishedAt: at(12) }]);
    expect(told(end(run, tried(1, { state: 'succeeded' })))).toEqual(['1 succeeded']);
  });

  it('keeps the attempts of before a retry', () => {
    const failed = stageFailed(end(begin(opened, 1), tried(1)), at(16), events.failed).run;
    expect(told(end(retried(failed), tried(2, { number: 1 })))).toEqual(['1 failed', '1 failed']);
  });

  it('has what each stage stored, the newest of each kind', () => {
    const started = trainingStarted(opened, at(1), events.started).run;
    const run = trainingCompleted(started, at(2), events.trained.training).run;
    expect(stage(run, 'trainer')?.artifacts.map(({ kind }) => kind)).toEqual(['plan', 'adapter']);
    expect(run.training).toMatchObject({ loss: { first: 2, last: 1 }, steps: 10 });
    expect(run.training).not.toHaveProperty('artifact');
  });
});

describe('a cancelled run', () => {
  it('says so once and stops what had not ended', () => {
    const { run, closing } = cancelled(datasetPrepared(opened, at(1), events.prepared.dataset).run, at(2), 'api');
    expect(closing).toEqual({ word: 'cancelled', by: 'api' });
    expect(run).toMatchObject({ state: 'cancelled', finishedAt: at(2) });
    expect(states(run)).toBe('succeeded cancelled cancelled cancelled cancelled');
  });
});
