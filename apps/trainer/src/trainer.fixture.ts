import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import { slotFile } from '@anneal/compute';
import {
  acceptRunSpec,
  DatasetPrepared,
  parseRunSpec,
  progress,
  type ArtifactRef,
  type EventDefinition,
  type EventData,
  type Progress,
  type RunSpecInput,
} from '@anneal/contracts';
import { createDataSource } from '@anneal/jobs';
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
import {
  makeEngineImage,
  makeStandInEngine,
  SmallCluster,
  startTestServers,
  type StandInEngine,
  type TestServers,
} from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { trainerService } from './service.js';
import { CheckpointRetention } from './training/checkpoint.retention.js';
import { RemovalTable, type Kept } from './training/removal.table.js';

type Heard = Extract<DecodedEvent, { ok: true }>;

/** The trainer with real servers around it and a stand-in for the engine. */
export class TestTrainer {
  readonly heard: Heard[] = [];
  readonly progress: Progress[] = [];
  private service: RunningService | undefined;
  /** Where it trains, if not on its own machine. */
  private clustered: { cluster: SmallCluster; python: string; code: string } | undefined;

  private constructor(
    private readonly servers: TestServers,
    private readonly broker: NatsConnection,
    readonly store: ArtifactStore,
    readonly engine: StandInEngine,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<TestTrainer> {
    const servers = await startTestServers();
    const engine = await makeStandInEngine(join(servers.folder, 'engine'));
    const broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
    const {
      S3_ENDPOINT = '',
      S3_ACCESS_KEY = '',
      S3_SECRET_KEY = '',
      S3_BUCKET = '',
      S3_REGION = '',
    } = servers.environment('trainer');
    const store = connectStore({
      endpoint: S3_ENDPOINT,
      accessKey: S3_ACCESS_KEY,
      secretKey: S3_SECRET_KEY,
      bucket: S3_BUCKET,
      region: S3_REGION,
    });
    await store.ensureReady();
    const trainer = new TestTrainer(servers, broker, store, engine);
    await followEvents(broker, {}, (decoded) => {
      if (decoded.ok) trainer.heard.push(decoded);
    });
    broker.subscribe('anneal.progress.>', {
      callback: (_error, message) => void trainer.progress.push(progress.parse(message.json())),
    });
    await trainer.startService(environment);
    return trainer;
  }

  /** The same, training in a small cluster of its own. */
  static async startInCluster(environment: Record<string, string> = {}): Promise<TestTrainer> {
    const trainer = await TestTrainer.start();
    await trainer.stopService();
    const { folder } = trainer.servers;
    const image = makeEngineImage(join(folder, 'image'), trainer.engine);
    if (typeof image === 'string') throw new Error(image);
    trainer.clustered = { cluster: await SmallCluster.start(join(folder, 'cluster')), ...image };
    await trainer.startService(environment);
    return trainer;
  }

  get cluster(): SmallCluster {
    if (this.clustered === undefined) throw new Error('this trainer trains on its own machine');
    return this.clustered.cluster;
  }

  /** What nobody but the services may know. */
  get storeKeys(): string[] {
    const { S3_SECRET_KEY } = this.servers.environment('trainer');
    return [S3_SECRET_KEY ?? ''];
  }

  /** On the tables of the trainer itself. */
  async query(sql: string): Promise<unknown[]> {
    return this.onTables((dataSource) => dataSource.query<unknown[]>(sql));
  }

  async onTables<T>(work: (dataSource: DataSource) => Promise<T>): Promise<T> {
    const dataSource = await this.database().initialize();
    try {
      return await work(dataSource);
    } finally {
      await dataSource.destroy();
    }
  }

  /** What a service does now and then, at once. */
  async removeOldCheckpoints({ running, ended, failedDays }: Kept): Promise<void> {
    const kept = {
      CHECKPOINTS_KEPT: running,
      CHECKPOINTS_KEPT_ENDED: ended,
      CHECKPOINT_FAILED_DAYS: failedDays,
    };
    const log = createLogger('test', 'silent');
    await this.onTables((tables) => new CheckpointRetention(kept, log, this.store, new RemovalTable(tables)).sweep());
  }

  /** Steps of the checkpoints in the object store, and their artifacts. */
  async checkpoints(runId: string): Promise<{ step: number; artifact: ArtifactRef }[]> {
    const rows = await this.query(
      `SELECT step, artifact FROM training_checkpoint WHERE run_id = '${runId}' ORDER BY step`,
    );
    return rows as { step: number; artifact: ArtifactRef }[];
  }

  /** Says another size of the model than it has; the words before are given back. */
  resizeModel(size: object): () => void {
    const path = join(this.engine.model, 'config.json');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(before) as object), ...size }));
    return () => writeFileSync(path, before);
  }

  database(): DataSource {
    return createDataSource({ url: this.servers.environment('trainer')['POSTGRES_URL'] ?? '', schema: 'trainer' });
  }

  async startService(environment: Record<string, string> = {}): Promise<void> {
    this.service = await this.startBeside(environment);
  }

  /** One more service, which is stopped by whoever starts it. */
  startBeside(environment: Record<string, string>): Promise<RunningService> {
    return startService(trainerService, {
      ...this.servers.environment('trainer'),
      ENGINE_PYTHON: this.engine.python,
      DEVICE: 'cpu',
      LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
      STOP_GRACE_SECONDS: '0',
      ...this.clusterEnvironment(),
      ...environment,
    });
  }

  private clusterEnvironment(): Record<string, string> {
    if (this.clustered === undefined) return {};
    const { cluster, python, code } = this.clustered;
    return {
      TRAINING_HOST: 'kubernetes',
      KUBECONFIG: cluster.kubeConfig,
      KUBERNETES_IMAGE: 'registry.example.com/anneal-engine:test',
      KUBERNETES_PYTHON: python,
      KUBERNETES_ENGINE_CODE: code,
      KUBERNETES_POLL_SECONDS: '0.1',
      // Pods are processes of one machine.
      KUBERNETES_MEMORY_GB: '64',
    };
  }

  async stopService(): Promise<void> {
    await this.service?.stop();
    this.service = undefined;
  }

  /** Says that a dataset is prepared, which makes the trainer train. */
  async prepare(
    id: string,
    training: Partial<RunSpecInput['training']> = {},
    rows = 8,
    project?: string,
  ): Promise<void> {
    const parsed = parseRunSpec({
      model: { base: `file:${this.engine.model}` },
      dataset: { source: 'acme/rows' },
      training: { method: 'lora', microBatch: 1, gradientAccumulation: 1, ...training },
    } satisfies RunSpecInput);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const question = (index: number) => ({ role: 'user', content: `${index}?` });
    const row = (index: number) =>
      parsed.spec.training.objective === 'dpo'
        ? { messages: [question(index)], chosen: `${index}`, rejected: 'no' }
        : { messages: [question(index), { role: 'assistant', content: `${index}` }] };
    const lines = Array.from({ length: rows }, (_, index) => `${JSON.stringify(row(index))}\n`).join('');
    const artifact = await this.store.putFiles('dataset', [{ path: 'train.jsonl', source: Buffer.from(lines) }]);
    const dataset = {
      artifact,
      source: 'acme/rows',
      sourceDigest: artifact.digest,
      rows: { read: rows, train: rows, heldOut: 0, duplicates: 0, dropped: 0 },
      characters: { total: 4 * rows, longest: 4 },
    };
    await this.say(DatasetPrepared, { runId: id, spec: acceptRunSpec(parsed.spec, id), dataset }, project);
  }

  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition> & { runId: string },
    project?: string,
  ): Promise<void> {
    const id = `${definition.name}-${data.runId}`;
    await publishEvent(
      jetstream(this.broker),
      encodeEvent(definition, data, { id, source: 'dataset', runId: data.runId, project }),
    );
  }

  /** What the trainer said about a run, by name, but for its attempts. */
  names(runId: string): string[] {
    return this.heard
      .filter(({ definition, event }) => event.runId === runId && definition.name !== 'StageAttempted')
      .map(({ definition }) => definition.name);
  }

  async word<Definition extends EventDefinition>(
    definition: Definition,
    runId: string,
    turn?: number,
  ): Promise<EventData<Definition>> {
    const heard = await until(`${definition.name} of ${runId}`, () =>
      this.heard.find(
        ({ definition: { name }, event }) => name === definition.name && event.runId === runId && event.turn === turn,
      ),
    );
    return definition.data.parse(heard.event.data) as EventData<Definition>;
  }

  folder(runId: string, name = ''): string {
    return join(this.servers.folder, 'work', 'trainer', runId, name);
  }

  /** For a service on what counts as another host. */
  otherWork(): string {
    return join(this.servers.folder, 'other-work');
  }

  /** Lock file of a GPU. */
  slot(gpu: number): string {
    return slotFile(join(this.servers.folder, 'work'), gpu);
  }

  /** Waits until the training has done so many steps. */
  async step(runId: string, step: number): Promise<void> {
    await until(`step ${step} of ${runId}`, () => this.steps(runId).some((done) => done >= step));
  }

  /** The steps that the engine reported, over all starts. */
  steps(runId: string): number[] {
    return this.events(runId).flatMap((event) => (event.event === 'log' ? [event.step ?? 0] : []));
  }

  events(runId: string): { event: string; time?: number; step?: number; pid?: number; loss?: number }[] {
    try {
      const text = readFileSync(this.folder(runId, 'events.jsonl'), 'utf8');
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as ReturnType<typeof this.events>[number]);
    } catch {
      return [];
    }
  }

  /** What the newest process of a training was given. */
  gpusOf(runId: string): string | undefined {
    const environment = readFileSync(`/proc/${this.starts(runId).at(-1) ?? 0}/environ`, 'utf8').split('\0');
    return environment.find((entry) => entry.startsWith('CUDA_VISIBLE_DEVICES='))?.split('=')[1];
  }

  /** The processes that trained, in order. */
  starts(runId: string): number[] {
    return this.events(runId).flatMap((event) => (event.event === 'hello' ? [event.pid ?? 0] : []));
  }

  async stop(): Promise<void> {
    await this.stopService();
    await this.clustered?.cluster.stop();
    await this.broker.close();
    await this.servers.stop();
  }
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

export function isAlive(pid: number): boolean {
  try {
    // A zombie is dead, though a signal would still reach it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
