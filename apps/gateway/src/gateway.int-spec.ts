import { setTimeout as pause } from 'node:timers/promises';
import {
  apiError,
  artifactLink,
  DatasetPrepared,
  EvaluationCompleted,
  evaluationReport,
  ModelMerged,
  ModelPublished,
  progressSubject,
  runComparison,
  runView,
  StageAttempted,
  StageFailed,
  TrainingCompleted,
  TrainingStarted,
  type ArtifactFiles,
  type ArtifactOfRun,
  type EvaluationReport,
  type Progress,
} from '@anneal/contracts';
import { publishTrainRequest } from '@anneal/messaging';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from './gateway.fixture.js';
import { sampleEvents, sampleRequest, sampleSpec, until } from '@anneal/testing';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
}, 120_000);
afterAll(() => gateway.stop());

const train = (spec: object | string) =>
  gateway.broker.publish('anneal.train.requested', typeof spec === 'string' ? spec : JSON.stringify(spec));
const progressOf = (runId: string, done: number): Progress => ({
  runId,
  stage: 'trainer',
  at: new Date().toISOString(),
  attempt: 1,
  phase: 'training',
  done,
});
const sayProgress = (progress: Progress) =>
  gateway.broker.publish(progressSubject(progress.runId, progress.stage), JSON.stringify(progress));

function reportOf(runId: string): EvaluationReport {
  return {
    runId,
    verdict: 'improved',
    reason: 'It got better.',
    results: sampleEvents(runId).evaluated.evaluation.results,
    settings: {},
    items: [
      {
        ...{ benchmark: 'held-out', id: '1', prompt: '1 + 1 =', expected: '2' },
        base: { answer: '3', outcome: 'wrong' },
        tuned: { answer: '2', outcome: 'correct' },
      },
    ],
  };
}

async function sayAll(id: string, events = sampleEvents(id)): Promise<void> {
  await gateway.say(DatasetPrepared, events.prepared);
  await gateway.say(TrainingStarted, events.started);
  await gateway.say(TrainingCompleted, events.trained);
  await gateway.say(ModelMerged, events.merged);
  await gateway.say(EvaluationCompleted, events.evaluated);
  await gateway.say(ModelPublished, events.published);
}

describe('the front door on the broker', () => {
  it('starts a run from bare JSON of a plain client', async () => {
    train({ ...sampleRequest, id: 'bare' });
    const run = await gateway.runWhen('bare', () => true);
    expect(run).toMatchObject({ state: 'running', name: sampleSpec('bare').name });
    expect(run.stages.map(({ state }) => state)).toEqual(Array(5).fill('waiting'));
  });

  it('answers what is no RunSpec with RunRejected and a run that says why', async () => {
    const before = gateway.heard.length;
    train({ ...sampleRequest, training: { method: 'magic' }, surprise: true });
    train('{"no json');
    const rejections = await until('two rejections', () => {
      const said = gateway.heard.slice(before).filter(({ definition }) => definition.name === 'RunRejected');
      return said.length === 2 ? said : undefined;
    });
    const [first] = rejections;
    const run = await gateway.run(first?.event.runId ?? '');
    expect(run).toMatchObject({ state: 'rejected', stages: [] });
    expect(run?.problems?.map(({ field }) => field).toSorted()).toEqual(['surprise', 'training.method']);
  });

  it('lets the first request with an id win', async () => {
    train({ ...sampleRequest, id: 'twice', name: 'first' });
    train({ ...sampleRequest, id: 'twice', name: 'second' });
    train({ ...sampleRequest, id: 'twice-after' });
    await gateway.runWhen('twice-after', () => true);
    expect((await gateway.run('twice'))?.name).toBe('first');
  });

  it('never touches a run by a rejection, and takes a corrected request with the id of a rejected one', async () => {
    const wrong = { ...sampleRequest, training: { method: 'magic' } };
    train({ ...sampleRequest, id: 'taken' });
    await gateway.runWhen('taken', () => true);
    await publishTrainRequest(gateway.broker, wrong, { id: 'taken' });
    await publishTrainRequest(gateway.broker, wrong, { id: 'reborn' });
    await gateway.runWhen('reborn', ({ state }) => state === 'rejected');
    expect((await gateway.run('taken'))?.state).toBe('running');
    await until('the rejection', () => gateway.namesOf('reborn').includes('RunRejected'));
    expect(gateway.namesOf('taken')).not.toContain('RunRejected');

    train({ ...sampleRequest, id: 'reborn' });
    const run = await gateway.runWhen('reborn', ({ state }) => state === 'running');
    expect(run).toMatchObject({ name: sampleSpec('reborn').name });
    expect([run.problems, run.finishedAt, run.stages.length]).toEqual([undefined, undefined, 5]);
  });
});

describe('the read model', () => {
  it('follows a run to its end and says RunSucceeded once', async () => {
    const id = 'good';
    const report = reportOf(id);
    expect((await gateway.post('/api/runs', { ...sampleRequest, id })).status).toBe(202);
    const early = await gateway.call(`/api/runs/${id}/report`);
    expect([early.status, apiError.parse(await early.json()).error.code]).toEqual([404, 'ARTIFACT_MISSING']);

    const events = sampleEvents(id, await gateway.storeReport(report));
    await sayAll(id, events);
    await gateway.say(ModelPublished, events.published);
    const run = await gateway.runWhen(id, ({ state }) => state === 'succeeded');
    expect(run).toMatchObject({ verdict: 'improved', publishedTo: 'registry:sums:latest', plan: { steps: 10 } });
    expect(run.stages.map(({ state }) => state)).toEqual(Array(5).fill('succeeded'));
    expect(evaluationReport.parse(await (await gateway.call(`/api/runs/${id}/report`)).json())).toEqual(report);

    await until('RunSucceeded', () => gateway.namesOf(id).includes('RunSucceeded'));
    await pause(300);
    expect(gateway.namesOf(id).filter((name) => name === 'RunSucceeded')).toHaveLength(1);
    const said = gateway.heardOf(id).find(({ definition }) => definition.name === 'RunSucceeded');
    expect(said?.event.data).toMatchObject({
      name: run.name,
      verdict: 'improved',
      publishedTo: 'registry:sums:latest',
    });
    expect(new Set(gateway.namesOf(id)).size).toBe(8);
    // The request that the gateway said itself came back to it.
    expect(gateway.namesOf(id).filter((name) => name === 'TrainRequested')).toHaveLength(1);
  });

  it('says RunFailed once, whoever fails and however often it is delivered', async () => {
    const { failed, published } = sampleEvents('bad');
    train({ ...sampleRequest, id: 'bad' });
    await gateway.say(StageFailed, failed, { id: 'failure-of-bad' });
    await gateway.say(StageFailed, failed, { id: 'failure-of-bad' });
    await gateway.say(StageFailed, { ...failed, stage: 'evaluator' });
    await gateway.say(ModelPublished, published);
    train({ ...sampleRequest, id: 'bad-after' });
    await gateway.runWhen('bad-after', () => true);
    const run = await gateway.run('bad');
    expect(run).toMatchObject({ state: 'failed', failure: failed.failure });
    expect(run?.stages.map(({ state }) => state)).toEqual([
      'cancelled',
      'failed',
      'cancelled',
      'cancelled',
      'cancelled',
    ]);
    await until('RunFailed', () => gateway.namesOf('bad').includes('RunFailed'));
    await pause(300);
    const closing = gateway.namesOf('bad').filter((name) => name.startsWith('Run'));
    expect(closing).toEqual(['RunFailed']);
  });

  it('knows a run from a stage before it sees the request', async () => {
    await gateway.say(TrainingStarted, sampleEvents('early').started);
    const run = await gateway.runWhen('early', () => true);
    expect(run).toMatchObject({ state: 'running', name: sampleSpec('early').name, plan: { steps: 10 } });
    train({ ...sampleRequest, id: 'early' });
    train({ ...sampleRequest, id: 'early-after' });
    await gateway.runWhen('early-after', () => true);
    expect((await gateway.run('early'))?.stages[1]?.state).toBe('running');
  });

  it('reads what was said while it was away', async () => {
    train({ ...sampleRequest, id: 'away' });
    await gateway.runWhen('away', () => true);
    await gateway.stopService();
    await sayAll('away');
    await gateway.startService();
    await gateway.runWhen('away', ({ state }) => state === 'succeeded');
    await until('RunSucceeded', () => gateway.namesOf('away').includes('RunSucceeded'));
  });

  it('is a tree of stages, their attempts and what they stored, as the words of the stages tell', async () => {
    const id = 'tree';
    train({ ...sampleRequest, id });
    await gateway.runWhen(id, () => true);
    const startedAt = '2026-01-01T00:00:00.000Z';
    const tried = { work: 'prepare', claim: 1, number: 1, startedAt };
    sayProgress({ ...progressOf(id, 0), stage: 'dataset', began: tried });
    const begun = await gateway.runWhen(id, ({ stages }) => stages[0]?.attempts.length === 1);
    expect(begun.stages[0]?.attempts).toEqual([{ ...tried, state: 'running' }]);
    const { failure } = sampleEvents(id).failed;
    const finishedAt = '2026-01-01T00:00:02.000Z';
    const failed = { ...tried, state: 'failed' as const, finishedAt, failure };
    const done = { ...tried, claim: 2, number: 2, state: 'succeeded' as const, finishedAt };
    await gateway.say(StageAttempted, { runId: id, stage: 'dataset', attempt: failed });
    await gateway.say(StageAttempted, { runId: id, stage: 'dataset', attempt: done });
    await sayAll(id);
    const run = await gateway.runWhen(id, ({ state }) => state === 'succeeded');
    expect(run.stages[0]).toMatchObject({ startedAt, attempts: [failed, done] });
    expect(run.stages.map(({ artifacts }) => artifacts.map(({ kind }) => kind).join(' '))).toEqual([
      'dataset',
      'plan adapter',
      'model',
      'report',
      'model',
    ]);
    expect(run).toMatchObject({ dataset: { rows: { train: 9 } }, training: { steps: 10 }, merge: { seconds: 1 } });
  });

  it('has links to the bytes of what its stages stored, for callers of its project alone', async () => {
    const id = 'stored';
    const report = reportOf(id);
    await sayAll(id, sampleEvents(id, await gateway.storeReport(report)));
    await gateway.runWhen(id, ({ state }) => state === 'succeeded');
    const get = async <Answer>(path: string): Promise<Answer> =>
      (await (await gateway.call(`/api/runs/${id}/${path}`)).json()) as Answer;
    const { artifacts } = await get<{ artifacts: ArtifactOfRun[] }>('artifacts');
    expect(artifacts.map(({ stage, kind }) => `${stage} ${kind}`)).toContain('evaluator report');
    const digest = artifacts.find(({ kind }) => kind === 'report')?.digest ?? '';
    const { files } = await get<ArtifactFiles>(`artifacts/${digest}`);
    expect(files.map(({ path }) => path)).toEqual(['report.json']);
    const link = artifactLink.parse(await get(`artifacts/${digest}/files/report.json`));
    expect(Date.parse(link.expiresAt) - Date.now()).toBeGreaterThan(10 * 60_000);
    const bytes = await fetch(link.url);
    expect(bytes.headers.get('content-disposition')).toContain('report.json');
    expect(await bytes.json()).toEqual(report);
    expect((await fetch(link.url.replace(/(X-Amz-Signature=)../, '$1zz'))).status).toBe(403);
    for (const path of [`${digest}/files/other.json`, `${'0'.repeat(64)}`, `${'0'.repeat(64)}/files/report.json`]) {
      const missing = await gateway.call(`/api/runs/${id}/artifacts/${path}`);
      expect([missing.status, apiError.parse(await missing.json()).error.code]).toEqual([404, 'ARTIFACT_MISSING']);
    }
  });

  it('is compared with another run, item by item where both asked the same', async () => {
    for (const id of ['left', 'right']) {
      await sayAll(id, sampleEvents(id, await gateway.storeReport(reportOf(id))));
      await gateway.runWhen(id, ({ state }) => state === 'succeeded');
    }
    const answer = await gateway.call('/api/runs/compare?a=left&b=right');
    const comparison = runComparison.parse(await answer.json());
    expect(comparison).toMatchObject({
      a: { id: 'left' },
      b: { id: 'right', verdict: 'improved' },
      spec: [],
      plan: [],
    });
    expect(comparison.benchmarks[0]).toMatchObject({ benchmark: 'held-out', paired: { items: 1, bothRight: 1 } });
    expect((await gateway.call('/api/runs/compare?a=left&b=nobody')).status).toBe(404);
    expect((await gateway.call('/api/runs/compare?a=left')).status).toBe(400);
  });

  it('writes progress to the stage, and shows its first word as running', async () => {
    train({ ...sampleRequest, id: 'busy' });
    await gateway.runWhen('busy', () => true);
    const { at } = progressOf('busy', 0);
    for (let done = 1; done <= 50; done += 1) sayProgress({ ...progressOf('busy', done), at });
    const run = await gateway.runWhen('busy', ({ stages }) => stages[1]?.progress?.done === 50);
    expect(run.stages[1]).toMatchObject({ state: 'running', progress: { phase: 'training' } });
  });
});

describe('watching', () => {
  it('tells the run, its changes and progress, and hangs up after the final state', async () => {
    const id = 'watched';
    await gateway.post('/api/runs', { ...sampleRequest, id });
    const response = await gateway.call(`/api/runs/${id}/watch`);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('x-request-id')).toBeTruthy();
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
    })();
    await until('the first view', () => text.includes('event: run'));
    const { prepared, failed } = sampleEvents(id);
    await gateway.say(DatasetPrepared, prepared);
    sayProgress(progressOf(id, 7));
    await until('progress', () => text.includes('event: progress'));
    await gateway.say(StageFailed, failed);
    await reading;
    const views = [...text.matchAll(/event: run\nid: (\d+)\ndata: (.*)/g)];
    const versions = views.map(([, version]) => Number(version));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
    expect(runView.parse(JSON.parse(views.at(-1)?.[2] ?? '')).state).toBe('failed');
    expect(text).toContain('"done":7');
  });

  it('does not keep a service from stopping', async () => {
    await gateway.post('/api/runs', { ...sampleRequest, id: 'forever' });
    const response = await gateway.call('/api/runs/forever/watch');
    const ended = response.text().catch(() => 'cut off');
    const began = Date.now();
    await gateway.stopService();
    await ended;
    expect(Date.now() - began).toBeLessThan(5000);
    await gateway.startService();
  });

  it('of a run that there is not is a plain error', async () => {
    const response = await gateway.call('/api/runs/nobody/watch');
    expect([response.status, apiError.parse(await response.json()).error.code]).toEqual([404, 'RUN_NOT_FOUND']);
  });
});
