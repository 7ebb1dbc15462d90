import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import {
  acceptRunSpec,
  ModelMerged,
  parseRunSpec,
  RunCancelled,
  StageFailed,
  TrainingCompleted,
  type ArtifactRef,
  type EventData,
  type EventDefinition,
  type TrainingPlan,
} from '@anneal/contracts';
import { locateBaseModel } from '@anneal/engine';
import {
  connectNats,
  encodeEvent,
  followEvents,
  jetstream,
  publishEvent,
  type DecodedEvent,
  type NatsConnection,
} from '@anneal/messaging';
import { startService, type RunningService } from '@anneal/service';
import {
  makeStandInEngine,
  startTestServers,
  writeStandInAdapter,
  type StandInEngine,
  type TestServers,
} from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mergerService } from './service.js';

let servers: TestServers;
let engine: StandInEngine;
let broker: NatsConnection;
let store: ArtifactStore;
let service: RunningService;
let adapter: ArtifactRef;
let dataset: ArtifactRef;
const heard: Extract<DecodedEvent, { ok: true }>[] = [];

beforeAll(async () => {
  servers = await startTestServers();
  engine = await makeStandInEngine(join(servers.folder, 'engine'));
  broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
  const { endpoint, accessKey, secretKey, bucket } = servers.servers.s3;
  store = connectStore({ endpoint, accessKey, secretKey, bucket, region: 'us-east-1' });
  await store.ensureReady();
  adapter = await store.putDirectory('adapter', await writeStandInAdapter(join(servers.folder, 'adapter')));
  const row = {
    messages: [
      { role: 'user', content: '1+1?' },
      { role: 'assistant', content: '2' },
    ],
  };
  dataset = await store.putFiles('dataset', [{ path: 'train.jsonl', source: Buffer.from(`${JSON.stringify(row)}\n`) }]);
  await followEvents(broker, {}, (decoded) => {
    if (decoded.ok) heard.push(decoded);
  });
  const environment = { ...servers.environment('merger'), ENGINE_PYTHON: engine.python, LOG_LEVEL: 'silent' };
  service = await startService(mergerService, environment);
}, 120_000);
afterAll(async () => {
  await service.stop();
  await broker.close();
  await servers.stop();
});
afterEach(() => engine.setFaults({}));

async function say<Definition extends EventDefinition>(
  definition: Definition,
  data: EventData<Definition> & { runId: string },
): Promise<void> {
  const id = `${definition.name}-${data.runId}`;
  await publishEvent(jetstream(broker), encodeEvent(definition, data, { id, source: 'trainer', runId: data.runId }));
}

async function word<Definition extends EventDefinition>(
  definition: Definition,
  runId: string,
): Promise<EventData<Definition>> {
  const giveUpAt = Date.now() + 20_000;
  for (;;) {
    const found = heard.find((entry) => entry.definition.name === definition.name && entry.event.runId === runId);
    if (found) return definition.data.parse(found.event.data) as EventData<Definition>;
    if (Date.now() > giveUpAt) throw new Error(`${definition.name} of ${runId} did not come`);
    await pause(20);
  }
}

async function trained(
  runId: string,
  change: { method?: 'full'; artifact?: ArtifactRef; revision?: string } = {},
): Promise<void> {
  const method = change.method ?? 'lora';
  const parsed = parseRunSpec({
    model: { base: `file:${engine.model}` },
    dataset: { source: 'acme/rows' },
    training: { method },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const spec = acceptRunSpec(parsed.spec, runId);
  const { base } = await locateBaseModel(spec.model, {
    resolveFile: async () => engine.model,
    hub: { endpoint: 'http://127.0.0.1:9', token: undefined },
    engine,
    workDir: join(servers.folder, 'test'),
    store: { resolveTag: () => Promise.reject(new Error('not asked')) },
    cache: { materialise: () => Promise.reject(new Error('not asked')) },
    signal: new AbortController().signal,
  });
  const lora = { rank: 2, alpha: 4, dropout: 0 };
  const plan: TrainingPlan = {
    ...{
      method,
      strategy: 'single',
      device: 'cpu',
      processes: 1,
      steps: 1,
      epochs: 1,
      microBatch: 1,
      gradientAccumulation: 1,
    },
    ...{
      effectiveBatch: 1,
      sequenceLength: 128,
      learningRate: 0.1,
      scheduler: 'cosine',
      warmupSteps: 0,
      checkpointEvery: 1,
    },
    ...{ precision: 'float32', seed: 1, ...(method === 'lora' ? { lora } : {}) },
  };
  await say(TrainingCompleted, {
    runId,
    spec,
    dataset: {
      artifact: dataset,
      source: 'acme/rows',
      sourceDigest: dataset.digest,
      rows: { read: 1, train: 1, heldOut: 0, duplicates: 0, dropped: 0 },
      characters: { total: 5, longest: 5 },
    },
    training: {
      artifact: change.artifact ?? adapter,
      base: { ...base, revision: change.revision ?? base.revision },
      plan,
      planArtifact: dataset,
      steps: 1,
      resumed: 0,
      loss: { first: 2, last: 1 },
      seconds: 1,
      engine: {},
    },
  });
}

describe('a merge', () => {
  it('makes one model of base and adapter, with the tokenizer of the training', async () => {
    await trained('plain');
    const { merge } = await word(ModelMerged, 'plain');
    expect(merge.parity).toEqual({
      targets: 1,
      untouched: 1,
      largestWeightDifference: 0,
      largestLogitDifference: 0,
      sameNextToken: true,
    });
    expect(merge.artifact.kind).toBe('model');
    const { files } = await store.readManifest(merge.artifact);
    expect(files.map(({ path }) => path)).toEqual([
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(String(await store.getFile(merge.artifact, 'chat_template.jinja'))).toBe('{{ trained }}');
    expect(existsSync(join(servers.folder, 'work', 'merger', 'plain'))).toBe(false);
  });

  it('passes the weights of a full fine-tune on, byte for byte', async () => {
    const weights = await store.putDirectory('weights', engine.model);
    await trained('full', { method: 'full', artifact: weights });
    const { merge } = await word(ModelMerged, 'full');
    expect(merge).toMatchObject({ artifact: { kind: 'model', bytes: weights.bytes }, parity: { targets: 0 } });
    const files = async (ref: ArtifactRef) => (await store.readManifest(ref)).files;
    expect(await files(merge.artifact)).toEqual(await files(weights));
  });
});

describe('a merge that must not pass', () => {
  it.each([
    ['the adapter fits nothing', { matchesNothing: true }],
    ['the weights are not base and adapter', { mergeScale: 1.5 }],
  ])('is refused when %s', async (name, faults) => {
    await engine.setFaults(faults);
    const id = name.replaceAll(' ', '-');
    await trained(id);
    const { failure, stage } = await word(StageFailed, id);
    expect({ code: failure.code, stage }).toEqual({ code: 'MERGE_MISMATCH', stage: 'merger' });
  });

  it('is refused when the base model is another one by now', async () => {
    await trained('other-base', { revision: 'another' });
    const { failure } = await word(StageFailed, 'other-base');
    expect(failure).toMatchObject({ code: 'MERGE_MISMATCH', field: 'model.base' });
  });

  it('does not begin for a run that was cancelled', async () => {
    await say(RunCancelled, { runId: 'cancelled', name: 'x', seconds: 1, by: 'test', turn: 1 });
    await trained('cancelled');
    await trained('after-cancelled');
    await word(ModelMerged, 'after-cancelled');
    expect(
      heard.some(({ definition, event }) => definition.name === 'ModelMerged' && event.runId === 'cancelled'),
    ).toBe(false);
  });
});
