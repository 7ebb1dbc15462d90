import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import {
  acceptRunSpec,
  parseRunSpec,
  progress,
  TrainingCompleted,
  type ArtifactRef,
  type EventData,
  type EventDefinition,
  type Progress,
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
  startPodHost,
  startTestServers,
  writeStandInAdapter,
  type PodHost,
  type SmallCluster,
  type StandInEngine,
  type TestServers,
} from '@anneal/testing';
import { mergerService } from './service.js';

type Heard = Extract<DecodedEvent, { ok: true }>;

/** The merger with real servers around it and a stand-in for the engine. */
export class TestMerger {
  readonly heard: Heard[] = [];
  readonly progress: Progress[] = [];
  private service: RunningService | undefined;
  /** Where it merges, if not on its own machine. */
  private clustered: PodHost | undefined;

  private constructor(
    private readonly servers: TestServers,
    private readonly broker: NatsConnection,
    readonly store: ArtifactStore,
    readonly engine: StandInEngine,
    private readonly adapter: ArtifactRef,
    private readonly dataset: ArtifactRef,
  ) {}

  static async start(): Promise<TestMerger> {
    const servers = await startTestServers();
    const engine = await makeStandInEngine(join(servers.folder, 'engine'));
    const broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
    const { endpoint, accessKey, secretKey, bucket } = servers.servers.s3;
    const store = connectStore({ endpoint, accessKey, secretKey, bucket, region: 'us-east-1' });
    await store.ensureReady();
    const adapter = await store.putDirectory('adapter', await writeStandInAdapter(join(servers.folder, 'adapter')));
    const row = {
      messages: [
        { role: 'user', content: '1+1?' },
        { role: 'assistant', content: '2' },
      ],
    };
    const dataset = await store.putFiles('dataset', [
      { path: 'train.jsonl', source: Buffer.from(`${JSON.stringify(row)}\n`) },
    ]);
    const merger = new TestMerger(servers, broker, store, engine, adapter, dataset);
    await followEvents(broker, {}, (decoded) => {
      if (decoded.ok) merger.heard.push(decoded);
    });
    broker.subscribe('anneal.progress.>', {
      callback: (_error, message) => void merger.progress.push(progress.parse(message.json())),
    });
    await merger.startService();
    return merger;
  }

  /** From now on it merges in a small cluster of its own. */
  async moveToCluster(): Promise<void> {
    await this.stopService();
    this.clustered = await startPodHost(this.servers.folder, this.engine);
    await this.startService();
  }

  get cluster(): SmallCluster {
    if (this.clustered === undefined) throw new Error('this merger merges on its own machine');
    return this.clustered.cluster;
  }

  /** What nobody but the services may know. */
  get storeKeys(): string[] {
    return [this.servers.servers.s3.secretKey];
  }

  async startService(environment: Record<string, string> = {}): Promise<void> {
    this.service = await startService(mergerService, {
      ...this.servers.environment('merger'),
      ENGINE_PYTHON: this.engine.python,
      LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
      STOP_GRACE_SECONDS: '0',
      ...(this.clustered ? { MERGE_HOST: 'kubernetes', ...this.clustered.environment } : {}),
      ...environment,
    });
  }

  async stopService(): Promise<void> {
    await this.service?.stop();
    this.service = undefined;
  }

  async stop(): Promise<void> {
    await this.stopService();
    await this.clustered?.cluster.stop();
    await this.broker.close();
    await this.servers.stop();
  }

  /** Where a merge works on its own machine. */
  folder(runId: string): string {
    return join(this.servers.folder, 'work', 'merger', runId);
  }

  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition> & { runId: string },
  ): Promise<void> {
    const id = `${definition.name}-${data.runId}`;
    const envelope = { id, source: 'trainer', runId: data.runId };
    await publishEvent(jetstream(this.broker), encodeEvent(definition, data, envelope));
  }

  async word<Definition extends EventDefinition>(
    definition: Definition,
    runId: string,
  ): Promise<EventData<Definition>> {
    const { event } = await until(`${definition.name} of ${runId}`, () =>
      this.heard.find((entry) => entry.definition.name === definition.name && entry.event.runId === runId),
    );
    return definition.data.parse(event.data) as EventData<Definition>;
  }

  /** Says that a training is complete, which makes the merger merge. */
  async trained(
    runId: string,
    change: { method?: 'full'; artifact?: ArtifactRef; revision?: string } = {},
  ): Promise<void> {
    const method = change.method ?? 'lora';
    const parsed = parseRunSpec({
      model: { base: `file:${this.engine.model}` },
      dataset: { source: 'acme/rows' },
      training: { method },
    });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const spec = acceptRunSpec(parsed.spec, runId);
    const { base } = await locateBaseModel(spec.model, {
      resolveFile: async () => this.engine.model,
      hub: { endpoint: 'http://127.0.0.1:9', token: undefined },
      engine: this.engine,
      workDir: join(this.servers.folder, 'test'),
      store: { resolveTag: () => Promise.reject(new Error('not asked')) },
      place: () => Promise.reject(new Error('not asked')),
      signal: new AbortController().signal,
    });
    await this.say(TrainingCompleted, {
      runId,
      spec,
      dataset: {
        artifact: this.dataset,
        source: 'acme/rows',
        sourceDigest: this.dataset.digest,
        rows: { read: 1, train: 1, heldOut: 0, duplicates: 0, dropped: 0 },
        characters: { total: 5, longest: 5 },
      },
      training: {
        artifact: change.artifact ?? this.adapter,
        base: { ...base, revision: change.revision ?? base.revision },
        plan: planOf(method),
        planArtifact: this.dataset,
        steps: 1,
        resumed: 0,
        loss: { first: 2, last: 1 },
        seconds: 1,
        engine: {},
      },
    });
  }
}

function planOf(method: 'lora' | 'full'): TrainingPlan {
  const lora = { rank: 2, alpha: 4, dropout: 0 };
  return {
    ...{ method, strategy: 'single', device: 'cpu', processes: 1, steps: 1, epochs: 1 },
    ...{ microBatch: 1, gradientAccumulation: 1, effectiveBatch: 1, sequenceLength: 128, learningRate: 0.1 },
    ...{ scheduler: 'cosine', warmupSteps: 0, checkpointEvery: 1, precision: 'float32', seed: 1 },
    ...(method === 'lora' ? { lora } : {}),
  };
}

/** Waits for what is to come true within 20 s. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUpAt = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > giveUpAt) throw new Error(`${what} did not happen`);
    await pause(20);
  }
}
