import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serviceNames, type RunView, type ServiceName } from '@anneal/contracts';
import { connectStore } from '@anneal/artifacts';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine } from '@anneal/engine/install';
import { startTestServers, type TestServers } from '@anneal/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readExposition, readMetricTable } from './exposition.js';
import { findPrometheus, observability, Prometheus } from './prometheus.fixture.js';
import { ServiceProcess } from './service-process.js';

const example = join(import.meta.dirname, '..', '..', 'examples', 'home-control');

let test: TestServers;
let nats: NatsConnection;
let model: string;
let enginePython: string;
let logFile: string;
let prometheus: Prometheus | undefined;
const services = new Map<ServiceName, ServiceProcess>();
const installed = await findPrometheus();
if ('missing' in installed) console.log(`What Prometheus sees is not tested: ${installed.missing}`);

async function start(name: ServiceName): Promise<void> {
  services.set(
    name,
    await ServiceProcess.start(
      name,
      {
        ...test.environment(name),
        ENGINE_PYTHON: enginePython,
        // One that comes back is where it was, as Prometheus expects of it.
        HTTP_PORT: new URL(services.get(name)?.url ?? 'http://127.0.0.1:0').port,
      },
      logFile,
    ),
  );
}

beforeAll(async () => {
  const engine = await installEngine();
  enginePython = engine.python;
  model = (await installDemoModel({ engine })).dir;
  test = await startTestServers({ durable: true });
  logFile = join(test.folder, 'services.log');
  // This client does not read user and password from a URL, as those of other languages do.
  const { host, username: user, password: pass } = new URL(test.servers.nats.url);
  nats = await connect({ servers: host, user, pass });
  await Promise.all(serviceNames.map(start));
  if ('missing' in installed) return;
  const addresses = new Map([...services].map(([name, { url }]) => [name, new URL(url).host]));
  prometheus = await Prometheus.start(installed, join(test.folder, 'prometheus'), addresses);
}, 300_000);

afterAll(async () => {
  await prometheus?.stop();
  const codes = await Promise.all([...services.values()].map((service) => service.end('SIGTERM')));
  await nats?.close();
  await test?.stop();
  expect(codes).toEqual(codes.map(() => 0));
});

/** A stranger's way in: bare JSON on a subject, with any NATS client. */
async function publish(payload: string, messageId?: string): Promise<void> {
  const extra = headers();
  if (messageId) extra.set('Nats-Msg-Id', messageId);
  await jetstream(nats).publish('anneal.train.requested', payload, messageId ? { headers: extra } : {});
}

async function view(id: string): Promise<RunView | undefined> {
  const response = await fetch(`${services.get('gateway')?.url ?? ''}/api/runs/${id}`, {
    headers: { authorization: `Bearer ${test.servers.secret('api-key')}` },
  });
  return response.ok ? ((await response.json()) as { run: RunView }).run : undefined;
}

async function finalView(id: string, withinMs: number): Promise<RunView> {
  for (const end = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const run = await view(id).catch(() => undefined);
    if (run && run.state !== 'running') return run;
    if (Date.now() > end)
      throw new Error(`run ${id} is not final: ${JSON.stringify(run?.stages)}\n${await tail(logFile)}`);
  }
}

const tail = async (file: string): Promise<string> =>
  existsSync(file) ? (await readFile(file, 'utf8')).slice(-6000) : '';

/** The events of a run as the stream has them, read by something that knows neither Nest nor this project. */
async function eventsOf(runId: string): Promise<string[]> {
  const manager = await jetstreamManager(nats);
  const { state } = await manager.streams.info('ANNEAL');
  const types: string[] = [];
  for (let sequence = state.first_seq; sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage('ANNEAL', { seq: sequence });
    if (!message) continue;
    const run = message.header.get('ce-subject') || message.header.get('Nats-Msg-Id') || requestedId(message.string());
    if (run === runId) types.push(message.subject);
  }
  return types;
}

/** The id that a bare request names itself, if it is readable at all. */
function requestedId(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { id?: string }).id;
  } catch {
    return undefined;
  }
}

const trainerDown = 'up{service="trainer"} == 0';

const goodRun = (id: string): object => ({
  id,
  name: 'home-control',
  model: { base: `file:${model}` },
  dataset: { source: `file:${join(example, 'train.jsonl')}`, limit: 24 },
  training: {
    method: 'lora',
    maxSteps: 6,
    microBatch: 2,
    gradientAccumulation: 1,
    learningRate: 5e-4,
    scheduler: 'constant',
    checkpointEvery: 2,
    lora: { rank: 8, alpha: 16 },
  },
  evaluation: {
    benchmarks: [
      { name: 'own-set', source: `file:${join(example, 'held-out.jsonl')}`, score: 'json', limit: 4, answerTokens: 24 },
    ],
  },
  publish: { when: 'always' },
});

describe('anneal doctor', () => {
  const cli = join(import.meta.dirname, '..', '..', 'apps', 'cli', 'bin', 'anneal.js');
  async function doctor(change: Record<string, string>): Promise<{ code: number; found: Map<string, string> }> {
    const folder = join(test.folder, 'doctor');
    await mkdir(folder, { recursive: true });
    const { nats: broker, postgres, s3 } = test.servers;
    const endpoints = {
      ...{ http: services.get('gateway')?.url, grpc: '', nats: broker.url, postgres: postgres.url, s3: s3.url },
      apiKey: test.servers.secret('api-key'),
      ...change,
    };
    await writeFile(join(folder, 'endpoints.json'), JSON.stringify(endpoints));
    const args = [cli, 'doctor', '--json', '--offline', '--data', folder];
    const { code, stdout } = await new Promise<{ code: number; stdout: string }>((resolve) => {
      execFile(process.execPath, args, (error, text) => resolve({ code: Number(error?.code ?? 0), stdout: text }));
    });
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
    return { code, found: new Map(checks.map(({ name, state }) => [name, state])) };
  }

  it('finds a running system well, by what its services do with it', async () => {
    const { code, found } = await doctor({});
    expect(code).toBe(0);
    for (const name of ['engine', 'servers', 'broker', 'database', 'object store', 'clock', 'services'])
      expect({ name, state: found.get(name) }).toEqual({ name, state: 'ok' });
  });

  it('says which part is broken, and that by its exit status', async () => {
    const away = { s3: 'http://key:secret@127.0.0.1:9/anneal', postgres: 'postgres://nobody:x@127.0.0.1:9/anneal' };
    const { code, found } = await doctor(away);
    expect(code).toBe(1);
    expect(found.get('object store')).toBe('broken');
    expect(found.get('database')).toBe('broken');
    expect(found.get('broker')).toBe('ok');
  });
});

describe('bad input', () => {
  it.each([
    ['no JSON', 'this is not JSON', 'rejected', '(whole)'],
    [
      'a missing field',
      JSON.stringify({ model: { base: 'a/b' }, training: { method: 'lora' } }),
      'rejected',
      'dataset',
    ],
    [
      'an unknown field',
      JSON.stringify({ model: { base: 'a/b' }, dataset: { source: 'a/b' }, training: { method: 'lora', epoch: 3 } }),
      'rejected',
      'training.epoch',
    ],
  ])('%s is rejected within seconds, by field', async (name, payload, state, field) => {
    const id = `bad-${name.replaceAll(' ', '-').toLowerCase()}`;
    await publish(payload, id);
    const run = await finalView(id, 10_000);
    expect(run.state).toBe(state);
    expect(run.problems?.map((problem) => problem.field)).toContain(field);
    expect(await eventsOf(id)).toContain('anneal.run.rejected');
  });

  it.each([
    ['missing-file', { dataset: { source: 'file:/nowhere/train.jsonl' } }, 'DATASET_NOT_FOUND', '/nowhere/train.jsonl'],
    [
      'missing-column',
      {
        dataset: { source: `file:${join(example, 'train.jsonl')}`, columns: { messages: 'conversation' } },
      },
      'DATASET_COLUMN_MISSING',
      'conversation',
    ],
    ['model-without-weights', { model: { base: `file:${example}` } }, /^MODEL_/, 'home-control'],
  ])('%s fails within seconds and says what to do', async (id, change, code, mentioned) => {
    await publish(JSON.stringify({ ...goodRun(id), ...change }));
    const run = await finalView(id, 30_000);
    expect(run.state).toBe('failed');
    expect(run.failure?.code).toMatch(code);
    expect(run.failure?.message).toContain(mentioned);
    expect(run.failure?.remedy).not.toBe('');
  });

  it('an empty dataset fails by name', async () => {
    const file = join(test.folder, 'empty.jsonl');
    await mkdir(test.folder, { recursive: true });
    await writeFile(file, '');
    await publish(JSON.stringify({ ...goodRun('empty'), dataset: { source: `file:${file}` } }));
    expect((await finalView('empty', 30_000)).failure).toMatchObject({ code: 'DATASET_EMPTY', file: 'empty.jsonl' });
  });
});

describe('a run', () => {
  it('goes from one bare event to a published model, although its trainer is killed on the way', async () => {
    const id = 'whole-chain';
    const step = trainedStep(id);
    await publish(JSON.stringify(goodRun(id)));
    await publish(JSON.stringify(goodRun(id)));
    await step;
    await services.get('trainer')?.end('SIGKILL');
    // It may be back before anybody has looked.
    await vi.waitUntil(async () => (await prometheus?.seriesOf(trainerDown))?.length !== 0, {
      timeout: 20_000,
      interval: 200,
    });
    await start('trainer');
    const run = await finalView(id, 480_000);
    expect(run, JSON.stringify(run.failure)).toMatchObject({
      state: 'succeeded',
      publishedTo: 'registry:home-control:latest',
    });
    expect(run.results?.[0]).toMatchObject({ benchmark: 'own-set', items: 4 });
    // The second request is in the stream and started nothing.
    const said = (await eventsOf(id)).filter((subject) => subject !== 'anneal.stage.attempted');
    expect(said).toEqual([
      'anneal.train.requested',
      'anneal.train.requested',
      'anneal.dataset.prepared',
      'anneal.training.started',
      'anneal.training.completed',
      'anneal.model.merged',
      'anneal.evaluation.completed',
      'anneal.model.published',
      'anneal.run.succeeded',
    ]);
    await expectPublishedIsEvaluated(id);
  });
});

describe('what operators see', () => {
  it('is told as docs/metrics.md has it: no name, type or label more or less', async () => {
    const table = readMetricTable(await readFile(join(observability, '..', '..', 'docs', 'metrics.md'), 'utf8'));
    const seen = new Map<string, Set<string>>();
    for (const [name, { url }] of services) {
      const exposed = readExposition(await (await fetch(`${url}/metrics`)).text());
      const expected = table.filter(({ of }) => of === 'all' || of === name || (of === 'stages' && name !== 'gateway'));
      expect(typesOf(exposed.values()), name).toEqual(typesOf(expected));
      for (const { name: metric, labels } of exposed.values()) {
        seen.set(metric, new Set([...(seen.get(metric) ?? []), ...labels]));
      }
    }
    const sorted = (labels: Iterable<string> = []): string[] => [...labels].toSorted();
    for (const { name, labels } of table) expect([name, sorted(seen.get(name))]).toEqual([name, sorted(labels)]);
  });

  it('answers each query of each dashboard with series', async ({ skip }) => {
    if ('missing' in installed) skip(installed.missing);
    const folder = join(observability, 'grafana', 'dashboards');
    const empty: string[] = [];
    for (const file of await readdir(folder)) {
      const { panels } = JSON.parse(await readFile(join(folder, file), 'utf8')) as {
        panels: { title: string; targets: { expr: string }[] }[];
      };
      for (const { title, targets } of panels)
        for (const { expr } of targets)
          if ((await prometheus?.seriesOf(expr))?.length === 0) empty.push(`${file}, ${title}: ${expr}`);
    }
    expect(empty).toEqual([]);
  });

  it('evaluates each alert, and told of the trainer that was killed', async ({ skip }) => {
    if ('missing' in installed) skip(installed.missing);
    const alerts = (await prometheus?.alerts()) ?? [];
    expect(alerts.length).toBeGreaterThan(15);
    expect(alerts.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(await prometheus?.seriesOf(trainerDown)).toHaveLength(1);
    expect(await prometheus?.seriesOf('anneal_ready == 1')).toHaveLength(serviceNames.length);
  });
});

const typesOf = (metrics: Iterable<{ name: string; type: string }>): Record<string, string> =>
  Object.fromEntries([...metrics].map(({ name, type }) => [name, type] as const).toSorted());

/** Resolves when the training has made its first step. */
async function trainedStep(runId: string): Promise<void> {
  for await (const message of nats.subscribe(`anneal.progress.${runId}.trainer`)) {
    const { done, unit } = message.json<{ done?: number; unit?: string }>();
    if (unit === 'steps' && (done ?? 0) >= 1) return;
  }
}

async function expectPublishedIsEvaluated(runId: string): Promise<void> {
  const { endpoint, accessKey, secretKey, bucket, region } = test.servers.s3;
  const store = connectStore({ endpoint, accessKey, secretKey, bucket, region });
  const entry = await store.resolveTag('home-control', 'latest');
  expect(entry?.runId).toBe(runId);
  const merged = await lastData<{ merge: { artifact: { digest: string } } }>(runId, 'anneal.evaluation.completed');
  expect(entry?.artifact.digest).toBe(merged.merge.artifact.digest);
  const files = (await store.readManifest(merged.merge.artifact.digest)).files.map(({ path }) => path);
  expect(files).toEqual(expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']));
}

async function lastData<Data>(runId: string, subject: string): Promise<Data> {
  const manager = await jetstreamManager(nats);
  const message = await manager.streams.getMessage('ANNEAL', { last_by_subj: subject });
  expect(message?.header.get('ce-subject')).toBe(runId);
  return (message?.json() ?? {}) as Data;
}
