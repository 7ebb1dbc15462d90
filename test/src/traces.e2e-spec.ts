import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceNames } from '@anneal/contracts';
import { SpanReceiver, type ReceivedSpan } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from './faults/world.js';
import { ServiceProcess } from './service-process.js';

const callersTrace = '0af7651916cd43dd8448eb211c80319c';
const callersSpan = 'b7ad6b7169203331';

let receiver: SpanReceiver;
let world: World;

beforeAll(async () => {
  receiver = await SpanReceiver.start();
  const environment = (): Record<string, string> => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  world = await World.open({ replicas: 1, environment });
});

afterAll(async () => {
  await world.close();
  await receiver.stop();
});

/** All spans of the traces that a run is part of, once no more of them come. */
async function tracesOf(runId: string): Promise<ReceivedSpan[]> {
  for (let known = -1; known !== receiver.spans.length; await pause(2_500)) known = receiver.spans.length;
  const ofRun = receiver.spans.filter(({ attributes }) => attributes['anneal.run.id'] === runId);
  const traces = new Set(ofRun.map(({ traceId }) => traceId));
  return receiver.spans.filter(({ traceId }) => traces.has(traceId));
}

/** The only span of that name, of that service where it matters. */
function the(spans: readonly ReceivedSpan[], name: string, service?: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name && (!service || span.service === `anneal-${service}`));
  expect(found.map(({ service: of, name: called }) => `${String(of)} ${called}`)).toHaveLength(1);
  return found[0] as ReceivedSpan;
}

/** The names of a span and of those above it, the span first. */
function lineage(spans: readonly ReceivedSpan[], from: ReceivedSpan): string[] {
  const above = spans.find(({ spanId }) => spanId === from.parentSpanId);
  return [from.name, ...(above ? lineage(spans, above) : [])];
}

describe('a run that is asked for over HTTP', () => {
  it('is one trace from its caller to the publisher, in which each span has the parent that led to it', async () => {
    const id = await world.submit({ traceparent: `00-${callersTrace}-${callersSpan}-01` });
    await world.until(id, ({ state }) => state === 'succeeded');
    const spans = await tracesOf(id);
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([callersTrace]));
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(serviceNames.map((name) => `anneal-${name}`)));
    const known = new Set([callersSpan, ...spans.map(({ spanId }) => spanId)]);
    expect(spans.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''))).toEqual([]);

    expect(lineage(spans, the(spans, 'create anneal.run.succeeded'))).toEqual([
      'create anneal.run.succeeded',
      ...['process anneal.model.published', 'create anneal.model.published', 'claim publish'],
      ...['process anneal.evaluation.completed', 'create anneal.evaluation.completed', 'claim judge'],
      ...expectedBefore(spans),
    ]);
    // What lasts is no parent of anything: it is told at its end, if its process lives to tell.
    const train = the(spans, 'attempt train');
    expect(spans.filter(({ parentSpanId }) => parentSpanId === train.spanId)).toEqual([]);
    expect(train.attributes).toMatchObject({ 'anneal.job.attempt': 1, 'anneal.job.outcome': 'succeeded' });
    expect(the(spans, 'POST /api/runs').attributes).toMatchObject({
      'http.route': '/api/runs',
      'http.response.status_code': 202,
    });
  });

  it('tells what the training process reported, what went through the object store, and no word of the user', async () => {
    const spans = receiver.spans.filter(({ traceId }) => traceId === callersTrace);
    const training = the(spans, 'axolotl train');
    expect(lineage(spans, training).slice(0, 2)).toEqual(['axolotl train', 'claim train']);
    const told = training.events.map(({ name }) => name);
    expect(told).toEqual(expect.arrayContaining(['hello', 'trainBegin', 'log', 'save', 'trainEnd', 'done']));
    expect(training.events.find(({ name }) => name === 'log')?.attributes).toMatchObject({
      'anneal.training.step': expect.any(Number) as number,
      'anneal.training.loss': expect.any(Number) as number,
    });
    for (const [name, service] of [
      ['put dataset', 'dataset'],
      ['get dataset', 'trainer'],
      ['put adapter', 'trainer'],
      ['get adapter', 'merger'],
      ['put model', 'merger'],
      ['get model', 'evaluator'],
    ] as const) {
      expect(the(spans, name, service).attributes).toMatchObject({ 'aws.s3.bucket': 'anneal' });
    }
    const sent = receiver.bodies.join('\n');
    for (const secret of [...world.secrets(), 'question 0', 'What is 0', world.folder])
      expect(sent).not.toContain(secret);
    expect(receiver.refused).toEqual([]);
  });

  it('can be found from the lines of the logs', () => {
    const lines = world
      .logs()
      .split('\n')
      .filter((line) => line.includes(`"trace_id":"${callersTrace}"`));
    const services = lines.map((line) => (JSON.parse(line) as { service: string }).service);
    expect(new Set(services)).toEqual(new Set(serviceNames));
  });
});

describe('a run that a stranger asks for on the broker', () => {
  it('begins one new trace, which outlives the trainer that is killed in the middle of it', async () => {
    const id = await world.request({ steps: 200, checkpointEvery: 50 });
    await world.until(id, ({ stages }) =>
      stages.some(({ stage, state }) => stage === 'trainer' && state === 'running'),
    );
    const training = await trainingOf(id);
    // What was begun a moment ago has not been sent yet, and goes with the process.
    await pause(2_500);
    world.of('trainer')[0]?.signal('SIGKILL');
    await world.until(id, ({ state }) => state === 'succeeded');
    const spans = await tracesOf(id);
    const [traceId = '', ...others] = new Set(spans.map((span) => span.traceId));
    expect(others).toEqual([]);
    expect(traceId).not.toBe(callersTrace);
    const readers = spans.filter(({ name }) => name === 'process anneal.train.requested');
    expect(readers.map(({ service }) => service).toSorted()).toEqual([
      'anneal-dataset',
      'anneal-evaluator',
      'anneal-gateway',
    ]);
    expect(readers.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined]);

    const claims = spans.filter(({ name }) => name === 'claim train').toSorted((a, b) => a.startMs - b.startMs);
    expect(claims.map(({ attributes }) => attributes['anneal.job.attempt'])).toEqual([1, 2]);
    const [first, second] = claims;
    expect(second?.parentSpanId).toBe(first?.parentSpanId);
    expect(second?.links.map(({ spanId }) => spanId)).toEqual([first?.spanId]);
    const attempts = spans.filter(({ name }) => name === 'attempt train').toSorted((a, b) => a.startMs - b.startMs);
    expect(attempts.map(({ parentSpanId }) => parentSpanId)).toEqual([first?.spanId, second?.spanId]);
    expect(attempts.map(({ attributes, failed }) => [attributes['anneal.job.outcome'], failed])).toEqual([
      ['lease_lost', true],
      ['succeeded', false],
    ]);
    // The process of the first attempt, which the second one adopted, knows where it belongs.
    expect(training.trace).toBe(`00-${traceId}-${first?.spanId}-01`);
    expect(the(spans, 'axolotl train').parentSpanId).toBe(second?.spanId);
  });
});

describe('a service that is not told where to send traces', () => {
  it('loads no SDK, and what it says belongs to no trace', async () => {
    const loaded = join(world.folder, 'loaded.log');
    const watch = join(world.folder, 'watch-loading.mjs');
    writeFileSync(loaded, '');
    writeFileSync(
      watch,
      `import { appendFileSync } from 'node:fs';
       import { registerHooks } from 'node:module';
       registerHooks({ load(url, context, next) { appendFileSync('${loaded}', url + '\\n'); return next(url, context); } });`,
    );
    const environment = { ...world.servers.environment('gateway'), NODE_OPTIONS: `--import=${watch}` };
    const gateway = await ServiceProcess.start('gateway', environment, join(world.folder, 'untraced.log'));
    try {
      const id = await world.submit({ traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }, gateway.url);
      await world.until(id, ({ state }) => state === 'succeeded');
      expect((await tracesOf(id)).filter(({ traceId }) => traceId === '1'.repeat(32))).toEqual([]);
    } finally {
      await gateway.end('SIGTERM');
    }
    const packages = [...readFileSync(loaded, 'utf8').matchAll(/node_modules\/(@opentelemetry\/[^/]+)/g)].map(
      ([, name]) => name,
    );
    expect(new Set(packages)).toEqual(new Set(['@opentelemetry/api']));
  });
});

/** From a job of the evaluator up to the caller; its base and its tuned model are measured side by side. */
function expectedBefore(spans: readonly ReceivedSpan[]): string[] {
  const judged = lineage(spans, the(spans, 'claim judge'));
  const tuned = [
    ...['process anneal.model.merged', 'create anneal.model.merged', 'claim merge'],
    ...['process anneal.training.completed', 'create anneal.training.completed', 'claim train'],
    ...['process anneal.dataset.prepared', 'create anneal.dataset.prepared', 'claim prepare'],
  ];
  const base = judged.includes('claim measure-base') ? ['claim measure-base'] : ['claim measure-tuned', ...tuned];
  return [...base, 'process anneal.train.requested', 'create anneal.train.requested', 'POST /api/runs'];
}

/** The process that trains for a run, once it does. */
async function trainingOf(id: string): Promise<{ trace: string | undefined }> {
  for (const end = Date.now() + 30_000; Date.now() < end; await pause(50)) {
    const found = world.trainings.living().find(({ run }) => run === id);
    if (!found) continue;
    const variables = readFileSync(`/proc/${found.pid}/environ`, 'utf8').split('\0');
    return { trace: variables.find((text) => text.startsWith('TRACEPARENT='))?.slice('TRACEPARENT='.length) };
  }
  throw new Error(`nothing trains for ${id}`);
}
