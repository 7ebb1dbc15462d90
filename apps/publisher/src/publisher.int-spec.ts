import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import {
  EvaluationCompleted,
  RunCancelled,
  type ArtifactRef,
  type EventData,
  type EventDefinition,
  type RunSpecInput,
  type Verdict,
} from '@anneal/contracts';
import {
  connectNats,
  encodeEvent,
  followEvents,
  jetstream,
  publishEvent,
  type DecodedEvent,
  type NatsConnection,
} from '@anneal/messaging';
import { createLogger, startService, type RunningService } from '@anneal/service';
import { startHub, startTestServers, type SmallHub, type TestServers } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { evaluated } from './__fixtures__/evaluated.js';
import { RegistryTarget } from './targets/registry.target.js';
import { publisherService } from './service.js';

const heard: Extract<DecodedEvent, { ok: true }>[] = [];
let servers: TestServers;
let nats: NatsConnection;
let store: ArtifactStore;
let hub: SmallHub;
let artifact: ArtifactRef;
let service: RunningService | undefined;

beforeAll(async () => {
  servers = await startTestServers();
  hub = await startHub();
  vi.stubEnv('HF_TOKEN', 'hf_writer');
  nats = await connectNats({ url: servers.servers.nats.url, name: 'test' });
  await followEvents(nats, {}, (decoded) => {
    if (decoded.ok) heard.push(decoded);
  });
  store = connectStore(servers.servers.s3);
  await store.ensureReady();
  artifact = await store.putFiles('model', [{ path: 'model.safetensors', source: Buffer.from('weights') }]);
  await start();
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await service?.stop();
  await nats?.close();
  await hub?.stop();
  await servers?.stop();
});

async function start(): Promise<void> {
  service = await startService(
    publisherService,
    { ...servers.environment('publisher'), HF_ENDPOINT: hub.url },
    { logger: createLogger('publisher', process.env.TEST_LOG_LEVEL ?? 'silent') },
  );
}

async function stop(): Promise<void> {
  await service?.stop();
  service = undefined;
}

async function say<Definition extends EventDefinition>(
  definition: Definition,
  data: EventData<Definition> & { runId: string },
  id: string = randomUUID(),
): Promise<void> {
  await publishEvent(jetstream(nats), encodeEvent(definition, data, { id, source: 'test', runId: data.runId }));
}

function evaluation(publish: RunSpecInput['publish'] = {}, verdict: Verdict = 'improved') {
  const runId = `run-${randomUUID().slice(0, 8)}`;
  const run = evaluated(publish, verdict);
  return { ...run, runId, spec: { ...run.spec, id: runId }, merge: { ...run.merge, artifact } };
}

const cancelled = (runId: string) => ({ runId, name: 'n', seconds: 1, by: 'somebody', turn: 1 });
const said = (runId: string) =>
  heard
    .filter(({ event }) => event.runId === runId && event.source.includes('publisher'))
    .filter(({ definition }) => definition.name !== 'StageAttempted')
    .map(({ definition, event }) => ({ name: definition.name, data: event.data, causationId: event.causationId }));

/** Everything that the publisher says about a run, once it has said something and had time to say more. */
async function allSaid(runId: string): Promise<ReturnType<typeof said>> {
  await vi.waitFor(() => expect(said(runId)).not.toEqual([]), { timeout: 15_000, interval: 50 });
  await pause(500);
  return said(runId);
}

describe('an evaluated run', () => {
  it('is published to the registry, and said once', async () => {
    const run = evaluation();
    await say(EvaluationCompleted, run, 'registry-1');
    expect(await allSaid(run.runId)).toEqual([
      {
        name: 'ModelPublished',
        causationId: 'registry-1',
        data: {
          runId: run.runId,
          spec: run.spec,
          to: 'registry:home-control:latest',
          revision: artifact.digest,
          artifact,
          verdict: 'improved',
        },
      },
    ]);
    expect(await store.resolveTag('home-control')).toMatchObject({ runId: run.runId, artifact });
  });

  it('is published to the Hub, and said once, however often it is told', async () => {
    const run = evaluation({ to: 'hub:acme/told-often' });
    await Promise.all([1, 2, 3].map((number) => say(EvaluationCompleted, run, `often-${run.runId}-${number}`)));
    const events = await allSaid(run.runId);
    const { oid } = hub.repository('acme/told-often').head;
    expect(events).toMatchObject([{ name: 'ModelPublished', data: { to: 'hub:acme/told-often', revision: oid } }]);
    expect(hub.repository('acme/told-often').commits).toHaveLength(2);
  });

  it('that did not improve is withheld, with the rule that says so', async () => {
    const run = evaluation({}, 'regressed');
    await say(EvaluationCompleted, run);
    const rule = `publish.when is "improved", and the verdict is "regressed": ${run.evaluation.reason}`;
    expect(await allSaid(run.runId)).toMatchObject([{ name: 'ModelWithheld', data: { rule, artifact } }]);
  });

  it('survives a Hub that loses its answer, with one commit and one event', async () => {
    hub.faults.add('commit', { kind: 'drop-answer' });
    const run = evaluation({ to: 'hub:acme/lost-answer' });
    await say(EvaluationCompleted, run);
    expect(await allSaid(run.runId)).toMatchObject([{ name: 'ModelPublished' }]);
    expect(hub.repository('acme/lost-answer').commits).toHaveLength(2);
  });

  it('fails at once and by name when no token is there', async () => {
    const run = evaluation({ to: 'hub:acme/secret', tokenRef: 'env:HF_TOKEN_NOWHERE' });
    await say(EvaluationCompleted, run);
    expect(await allSaid(run.runId)).toMatchObject([
      { name: 'StageFailed', data: { stage: 'publisher', attempts: 1, failure: { code: 'SECRET_MISSING' } } },
    ]);
    expect(hub.has('acme/secret')).toBe(false);
  });

  it('is left alone when the run was cancelled before', async () => {
    await stop();
    const [run, next] = [evaluation(), evaluation()];
    // The word that the run is over may come before the evaluation or behind it.
    await say(RunCancelled, cancelled(run.runId));
    await say(EvaluationCompleted, run);
    await say(EvaluationCompleted, next);
    await start();
    await allSaid(next.runId);
    expect(said(run.runId)).toEqual([]);
  });
});

describe('the registry as a target', () => {
  it('comes to the same when an attempt died behind the tag', async () => {
    const run = evaluation({ to: 'registry:twice:v1' });
    const request = {
      runId: run.runId,
      input: run,
      to: 'registry:twice:v1',
      card: '# the card\n',
      signal: new AbortController().signal,
      commit: async () => undefined,
    };
    const target = new RegistryTarget(store);
    const first = await target.publish(request);
    const entry = await store.resolveTag('twice', 'v1');
    // The first attempt never reached its transaction; the service knows nothing of it.
    await say(EvaluationCompleted, run);
    expect(await allSaid(run.runId)).toMatchObject([{ name: 'ModelPublished', data: first }]);
    expect(first).toEqual({ to: 'registry:twice:v1', revision: artifact.digest });
    expect(await store.resolveTag('twice', 'v1')).toEqual(entry);
    expect(entry.artifact).toEqual(artifact);
  });

  it('keeps the card beside the model', async () => {
    const { details } = await store.resolveTag('home-control');
    const card = await store.getFile(details.card as ArtifactRef, 'README.md');
    expect(card.toString()).toContain('# home-control');
  });
});
