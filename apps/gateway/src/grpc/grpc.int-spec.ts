import { status } from '@grpc/grpc-js';
import {
  DatasetPrepared,
  EvaluationCompleted,
  ModelMerged,
  ModelPublished,
  progressSubject,
  StageFailed,
  TrainingCompleted,
  TrainingStarted,
  type ApiKeyWish,
  type Progress,
} from '@anneal/contracts';
import { createLogger } from '@anneal/service';
import { noTracer } from '@anneal/tracing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sampleEvents, sampleRequest, sampleSpec, until } from '@anneal/testing';
import { TestGateway } from '../gateway.fixture.js';
import type { GatewayConfig } from '../gateway.config.js';
import type { Admission } from '../keys/admission.js';
import { CallEdge } from './call.edge.js';
import { healthOf, healthUntilTheEnd, reflected, refusalOf, TestCaller } from './grpc.fixture.js';
import { GrpcServer } from './grpc.server.js';
import { runsService } from './protocol.js';
import type { RunsGrpc } from './runs.grpc.js';
import { readStruct, writeStruct } from './struct.js';

let gateway: TestGateway;
const callers: TestCaller[] = [];
beforeAll(async () => {
  gateway = await TestGateway.start();
}, 120_000);
afterEach(() => {
  for (const caller of callers.splice(0)) caller.close();
});
afterAll(() => gateway.stop());

function caller(key = gateway.apiKey, deadline?: number): TestCaller {
  const made = new TestCaller(gateway.grpcAddress, { key, ...(deadline === undefined ? {} : { deadline }) });
  callers.push(made);
  return made;
}

const specOf = (id: string, more: object = {}) => ({ spec: writeStruct({ ...sampleRequest, id, ...more }) });
const failure = { code: 'BAD_DATA', message: 'No.', remedy: 'None.', retryable: false } as const;
const fail = (runId: string) => gateway.say(StageFailed, { runId, stage: 'trainer', attempts: 1, failure });

async function keyFor(wish: Partial<ApiKeyWish>): Promise<string> {
  const answer = await gateway.post('/api/keys', { name: 'test', ...wish });
  return ((await answer.json()) as { text: string }).text;
}

function sayProgress(runId: string, done: number, phase = 'training'): void {
  const progress: Progress = { runId, stage: 'trainer', at: new Date().toISOString(), attempt: 1, phase, done };
  gateway.broker.publish(progressSubject(runId, 'trainer'), JSON.stringify(progress));
}

describe('a run over gRPC', () => {
  it('is started, watched to its end, and read', async () => {
    const me = caller();
    const { run, created } = await me.submit(specOf('to-the-end'));
    expect(created).toBe(true);
    expect(run).toMatchObject({ id: 'to-the-end', state: 'RUN_STATE_RUNNING', finishedAt: null });
    expect(await me.submit(specOf('to-the-end'))).toEqual({ run, created: false });

    const watching = me.watch('to-the-end');
    await until('the run as it is', () => watching.states.length > 0);
    const events = sampleEvents('to-the-end');
    await gateway.say(DatasetPrepared, events.prepared);
    await gateway.say(TrainingStarted, events.started);
    await until('progress', () => {
      sayProgress('to-the-end', 3);
      return watching.told.some(({ progress }) => progress?.done === 3);
    });
    await gateway.say(TrainingCompleted, events.trained);
    await gateway.say(ModelMerged, events.merged);
    await gateway.say(EvaluationCompleted, events.evaluated);
    await gateway.say(ModelPublished, events.published);
    expect(await watching.ended).toBeUndefined();
    expect(watching.states.at(0)).toBe('RUN_STATE_RUNNING');
    expect(watching.told.find(({ progress }) => progress)).toMatchObject({
      update: 'progress',
      progress: { runId: 'to-the-end', stage: 'STAGE_TRAINER', phase: 'training', attempt: 1 },
    });

    const read = await me.get('to-the-end');
    expect(watching.told.at(-1)?.run).toEqual(read);
    expect(read).toMatchObject({
      state: 'RUN_STATE_SUCCEEDED',
      verdict: 'VERDICT_IMPROVED',
      verdictReason: 'It got better.',
      verdictRule: 'VERDICT_RULE_GAIN',
      publishedTo: 'registry:sums:latest',
      failure: null,
    });
    expect(read.stages.map(({ stage, state }) => [stage, state])).toEqual(
      ['DATASET', 'TRAINER', 'MERGER', 'EVALUATOR', 'PUBLISHER'].map((name) => [
        `STAGE_${name}`,
        'STAGE_STATE_SUCCEEDED',
      ]),
    );
    const view = await gateway.run('to-the-end');
    const instantOf = ({ seconds, nanos }: { seconds: number; nanos: number }) =>
      new Date(seconds * 1000 + nanos / 1_000_000).toISOString();
    expect(read.createdAt && instantOf(read.createdAt)).toBe(view?.createdAt);
    expect(read.finishedAt && instantOf(read.finishedAt)).toBe(view?.finishedAt);
    expect(read.spec && readStruct(read.spec)).toEqual(view?.spec);
  });

  it('may be asked for in YAML', async () => {
    const yaml =
      'id: yaml-by-grpc\nmodel: { base: "file:/m" }\ndataset: { source: "file:/d.jsonl" }\ntraining: { method: full }\n';
    await caller().submit({ yaml });
    expect(await gateway.run('yaml-by-grpc')).toMatchObject({ spec: { training: { method: 'full' } } });
  });

  it('is steered, and says why it failed', async () => {
    const me = caller();
    await me.submit(specOf('steered'));
    expect(await me.steer('Pause', 'steered')).toMatchObject({ state: 'RUN_STATE_PAUSED' });
    expect(await refusalOf(me.steer('Pause', 'steered'))).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(await me.steer('Resume', 'steered')).toMatchObject({ state: 'RUN_STATE_RUNNING' });
    await fail('steered');
    await gateway.runWhen('steered', ({ state }) => state === 'failed');
    const { failure: told, stages } = await me.get('steered');
    expect(told).toMatchObject(failure);
    expect(stages.find(({ state }) => state === 'STAGE_STATE_FAILED')).toMatchObject({ failure, progress: null });
    expect(await me.steer('Retry', 'steered')).toMatchObject({ state: 'RUN_STATE_RUNNING', failure: null });
    expect(await me.steer('Cancel', 'steered')).toMatchObject({ state: 'RUN_STATE_CANCELLED' });
    expect(await refusalOf(me.steer('Retry', 'steered'))).toMatchObject({ code: status.FAILED_PRECONDITION });
    // As a client of a later version would name one.
    const unknown = me.retryFrom('steered', 99 as unknown as 'STAGE_DATASET');
    expect(await refusalOf(unknown)).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await me.retryFrom('steered', 'STAGE_DATASET')).toMatchObject({ state: 'RUN_STATE_RUNNING' });
  });

  it('is listed page by page, the newest first', async () => {
    const me = caller(await keyFor({ project: 'pages' }));
    const ids = ['page-1', 'page-2', 'page-3', 'page-4', 'page-5'];
    for (const id of ids) await me.submit(specOf(`grpc-${id}`));
    const pages: string[][] = [];
    let pageToken = '';
    do {
      const page = await me.list({ pageSize: 2, pageToken });
      pages.push(page.runs.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(pages.flat()).toEqual(ids.map((id) => `grpc-${id}`).toReversed());
    expect((await me.list({})).runs).toHaveLength(5);
  });
});

describe('a call that fails', () => {
  it('names every field of a RunSpec at fault, and starts nothing', async () => {
    const refusal = await refusalOf(caller().submit(specOf('wrong', { training: { method: 'x' }, colour: 1 })));
    expect(refusal).toMatchObject({
      code: status.INVALID_ARGUMENT,
      info: { reason: 'SPEC_INVALID', domain: 'anneal', metadata: { retryable: 'false' } },
      fields: ['colour', 'training.method'],
    });
    expect(await gateway.run('wrong')).toBeUndefined();
  });

  it('tells a request without a RunSpec, and one that is no YAML', async () => {
    expect(await refusalOf(caller().submit({}))).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['(whole)'] });
    expect(await refusalOf(caller().submit({ yaml: 'a: [' }))).toMatchObject({ info: { reason: 'SPEC_INVALID' } });
  });

  it('stays small enough for the trailers, whatever was sent', async () => {
    const colours = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`ü${n}`.repeat(30), n]));
    const refusal = await refusalOf(caller().submit(specOf('wrong', { ...colours, name: '!', id: '!'.repeat(9000) })));
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(refusal.fields.length).toBeGreaterThan(0);
  });

  it('carries the code and the remedy of the failure', async () => {
    await caller().submit(specOf('taken'));
    expect(await refusalOf(caller().submit(specOf('taken', { name: 'other' })))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      info: {
        reason: 'RUN_CONFLICT',
        metadata: { remedy: 'Choose another id, or leave it out to be given a new one.' },
      },
      fields: [],
    });
    expect(await refusalOf(caller().get('nobody'))).toMatchObject({
      code: status.NOT_FOUND,
      info: { reason: 'RUN_NOT_FOUND' },
    });
    expect(await refusalOf(caller().get('a\0b'))).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ['id'] });
    expect(await refusalOf(caller().list({ pageSize: 1000 }))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      fields: ['page_size'],
    });
  });
});

describe('a key', () => {
  it('is needed for every call', async () => {
    await caller().submit(specOf('locked'));
    for (const key of ['', 'wrong']) {
      const nobody = caller(key);
      for (const call of [
        () => nobody.submit(specOf('never')),
        () => nobody.get('locked'),
        () => nobody.list({}),
        () => nobody.steer('Cancel', 'locked'),
        () => watched(nobody, 'locked'),
      ]) {
        expect(await refusalOf(call())).toMatchObject({
          code: status.UNAUTHENTICATED,
          info: { reason: 'UNAUTHORIZED' },
        });
      }
    }
    expect(await gateway.run('never')).toBeUndefined();
  });

  it('shows nothing of another project, and a key that may only read changes nothing', async () => {
    await caller(await keyFor({ project: 'one' })).submit(specOf('of-one'));
    const stranger = caller(await keyFor({ project: 'two' }));
    for (const call of [
      () => stranger.get('of-one'),
      () => stranger.steer('Cancel', 'of-one'),
      () => stranger.steer('Pause', 'of-one'),
      () => stranger.list({ pageToken: 'of-one' }),
      () => watched(stranger, 'of-one'),
    ]) {
      expect(await refusalOf(call())).toMatchObject({ code: status.NOT_FOUND });
    }
    expect((await stranger.list({})).runs).toEqual([]);
    const reader = caller(await keyFor({ project: 'one', scope: 'read' }));
    expect(await reader.get('of-one')).toMatchObject({ state: 'RUN_STATE_RUNNING', name: sampleSpec('of-one').name });
    expect(await refusalOf(reader.steer('Cancel', 'of-one'))).toMatchObject({ code: status.PERMISSION_DENIED });
  });
});

/** A watch that is expected to fail at once. */
async function watched(me: TestCaller, id: string): Promise<void> {
  const error = await me.watch(id).ended;
  if (error) throw error;
}

describe('a deadline', () => {
  it('that has passed starts nothing', async () => {
    await expect(caller(undefined, Date.now() - 1).submit(specOf('late'))).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
    expect(await gateway.run('late')).toBeUndefined();
  });

  it('ends a watch', async () => {
    await caller().submit(specOf('in-time'));
    const watching = caller(undefined, Date.now() + 400).watch('in-time');
    expect(await watching.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(watching.states).toEqual(['RUN_STATE_RUNNING']);
  });
});

describe('a watcher that reads slowly', () => {
  it('misses progress, but neither the newest of it nor the state', async () => {
    await caller().submit(specOf('slow'));
    const watching = caller().watch('slow');
    await until('the run as it is', () => watching.states.length > 0);
    watching.stream.pause();
    const words = 400;
    const longPhase = 'x'.repeat(20_000);
    for (let done = 1; done <= words; done += 1) {
      sayProgress('slow', done, longPhase);
      if (done % 20 === 0) await gateway.broker.flush();
    }
    await until('the last word', async () => {
      const stages = (await gateway.run('slow'))?.stages ?? [];
      return stages.some(({ progress }) => progress?.done === words) || undefined;
    });
    await caller().steer('Pause', 'slow');
    watching.stream.resume();
    await until('the newest state', () => watching.states.at(-1) === 'RUN_STATE_PAUSED');
    await until('the newest word', () => watching.told.some(({ progress }) => progress?.done === words));
    expect(watching.told.length).toBeLessThan(words / 2);
    await caller().steer('Cancel', 'slow');
    expect(await watching.ended).toBeUndefined();
    expect(watching.states.at(-1)).toBe('RUN_STATE_CANCELLED');
  });
});

describe('the server', () => {
  it('tells anybody that it is healthy', async () => {
    for (const name of ['', runsService]) {
      expect(await healthOf(gateway.grpcAddress, name)).toEqual({ status: 'SERVING' });
    }
  });

  it('tells anybody what it offers', async () => {
    const list = await reflected(gateway.grpcAddress, { listServices: '' });
    expect(list).toMatchObject({
      listServicesResponse: { service: [{ name: runsService }, { name: 'grpc.health.v1.Health' }] },
    });
    expect(await reflected(gateway.grpcAddress, { fileContainingSymbol: runsService })).toMatchObject({
      fileDescriptorResponse: { fileDescriptorProto: [expect.any(Buffer), expect.any(Buffer)] },
    });
  });

  it('says so when something else has its port', async () => {
    const { hostname, port } = new URL(`http://${gateway.grpcAddress}`);
    const edge = new CallEdge({} as Admission, createLogger('gateway', 'silent'), noTracer);
    const config = { GRPC_HOST: hostname, GRPC_PORT: Number(port) } as GatewayConfig;
    const other = new GrpcServer({ handlers: () => ({}) } as unknown as RunsGrpc, edge, config);
    await expect(other.listen()).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    await other.close({ graceMs: 1_000 });
  });

  it('sends its watchers to another one when it stops, and does not wait for those of its health', async () => {
    await caller().submit(specOf('goes-on'));
    const watching = caller().watch('goes-on');
    await until('the run as it is', () => watching.states.length > 0);
    const health: object[] = [];
    const healthEnds = healthUntilTheEnd(gateway.grpcAddress, health);
    await until('health', () => health.length > 0);
    const began = performance.now();
    await gateway.stopService();
    expect(performance.now() - began).toBeLessThan(5_000);
    await healthEnds;
    expect(health).toEqual([{ status: 'SERVING' }, { status: 'NOT_SERVING' }]);
    expect(await watching.ended).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('stopping') as string,
    });
    await gateway.startService();
    const again = caller().watch('goes-on');
    await until('the run as it is now', () => again.states.length > 0);
    await fail('goes-on');
    expect(await again.ended).toBeUndefined();
    expect(again.states.at(-1)).toBe('RUN_STATE_FAILED');
  });
});
