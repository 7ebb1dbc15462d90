import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import {
  type DatasetPrepared,
  evaluationReport,
  type ModelMerged,
  progress,
  type AcceptedRunSpec,
  type ArtifactRef,
  type EvaluationReport,
  type EventData,
  type EventDefinition,
  type Progress,
  type RunSpecInput,
} from '@anneal/contracts';
import { locateBaseModel } from '@anneal/engine';
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
import { startService, type RunningService } from '@anneal/service';
import {
  makeStandInEngine,
  startPodHost,
  startTestServers,
  type PodHost,
  type SmallCluster,
  type TestServers,
  makeStandInGenerator,
  type StandInGenerator,
  specWith,
} from '@anneal/testing';
import { z } from 'zod';
import { mergedFrom, preparedFrom } from './run-pieces.fixture.js';
import { evaluatorService } from './service.js';

type Heard = Extract<DecodedEvent, { ok: true }>;
type Evaluation = NonNullable<RunSpecInput['evaluation']>;

/** What a model of the stand-in knows: the answer to each question. */
export type Knowledge = Record<string, string>;

/** A run as the evaluator gets to know it, piece by piece. */
export interface TestRun {
  readonly spec: AcceptedRunSpec;
  readonly prepared: EventData<typeof DatasetPrepared>;
  readonly merged: EventData<typeof ModelMerged>;
}

const ids = z.array(z.object({ id: z.string() }));
const count = z.array(z.object({ count: z.coerce.number() }));

/** The evaluator with real servers around it, and a stand-in for the generation. */
export class TestEvaluator {
  readonly heard: Heard[] = [];
  readonly progress: Progress[] = [];
  private service: RunningService | undefined;
  /** Where it asks models, if not on its own machine. */
  private clustered: PodHost | undefined;

  private constructor(
    private readonly servers: TestServers,
    private readonly broker: NatsConnection,
    private readonly store: ArtifactStore,
    readonly generator: StandInGenerator,
    private readonly emptyModel: string,
  ) {}

  static async start(): Promise<TestEvaluator> {
    const servers = await startTestServers();
    const engine = await makeStandInEngine(join(servers.folder, 'engine'));
    const generator = makeStandInGenerator(join(servers.folder, 'generator'));
    const broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
    const { endpoint, accessKey, secretKey, bucket, region } = servers.servers.s3;
    const store = connectStore({ endpoint, accessKey, secretKey, bucket, region });
    await store.ensureReady();
    const evaluator = new TestEvaluator(servers, broker, store, generator, engine.model);
    await followEvents(broker, {}, (decoded) => {
      if (decoded.ok) evaluator.heard.push(decoded);
    });
    broker.subscribe('anneal.progress.>', {
      callback: (_error, message) => void evaluator.progress.push(progress.parse(message.json())),
    });
    await evaluator.startService();
    return evaluator;
  }

  /** From now on it asks models in a small cluster of its own. */
  async moveToCluster(): Promise<void> {
    await this.stopService();
    this.clustered = await startPodHost(this.folder, this.generator);
    await this.startService();
  }

  get cluster(): SmallCluster {
    if (this.clustered === undefined) throw new Error('this evaluator asks on its own machine');
    return this.clustered.cluster;
  }

  /** What nobody but the services may know. */
  get storeKeys(): string[] {
    const { S3_SECRET_KEY = '' } = this.servers.environment('evaluator');
    return [S3_SECRET_KEY];
  }

  /** Which the service may read. */
  get folder(): string {
    return this.servers.folder;
  }

  /** In this process; with an environment of the test's own when one is given. */
  async startService(more: Record<string, string> = {}): Promise<void> {
    this.service = await startService(evaluatorService, this.environment(more));
  }

  /** As a process of its own, from its built files, so that it can be killed. */
  async startProcess(more: Record<string, string>): Promise<ChildProcess> {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'dist', 'main.js')], {
      env: { PATH, HOME, ...this.environment(more), LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the evaluator ended with ${code}; is it built?`)));
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('"address"')) resolve();
      });
    });
    return child;
  }

  private environment(more: Record<string, string>): Record<string, string> {
    return {
      ...this.servers.environment('evaluator'),
      ENGINE_PYTHON: this.generator.python,
      DEVICE: 'cpu',
      BATCH: '2',
      LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
      STOP_GRACE_SECONDS: '0',
      ...(this.clustered ? { EVALUATION_HOST: 'kubernetes', ...this.clustered.environment } : {}),
      ...more,
    };
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

  /** A file below the folders that the service may read. */
  write(name: string, rows: readonly unknown[]): string {
    const path = join(this.servers.folder, name);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  }

  /** A run with its base model, dataset and merged model in place; nothing is said yet. */
  async run(
    id: string,
    evaluation: Evaluation,
    {
      base = {},
      tuned = {},
      heldOut = [],
      train = [],
      sameBaseAs = id,
    }: {
      base?: Knowledge;
      tuned?: Knowledge;
      heldOut?: readonly unknown[];
      train?: readonly unknown[];
      sameBaseAs?: string;
    },
  ): Promise<TestRun> {
    // Their weights are all the same: the answers, with the name of the run among them, make them different models.
    const baseFolder = this.model(`${id}-base`, { ...base, base: sameBaseAs });
    const spec = specWith(evaluation, { id, base: `file:${baseFolder}` });
    const sides = { 'train.jsonl': train, 'held-out.jsonl': heldOut };
    const files = Object.entries(sides).map(([path, rows]) => ({
      path,
      source: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')),
    }));
    const dataset = preparedFrom(await this.store.putFiles('dataset', files));
    const artifact = await this.store.putDirectory('model', this.model(`${id}-tuned`, tuned));
    const prepared = { runId: id, spec, dataset };
    const known = { reference: spec.model.base, revision: await this.revisionOf(spec, baseFolder) };
    return { spec, prepared, merged: { ...prepared, ...mergedFrom(artifact, known) } };
  }

  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition>,
    runId: string,
    { id = `${definition.name}-${runId}`, turn }: { id?: string; turn?: number } = {},
  ): Promise<void> {
    const envelope = { id, source: 'dataset', runId, turn };
    await publishEvent(jetstream(this.broker), encodeEvent(definition, data, envelope));
  }

  /** What the evaluator said about a run, in order, but for its attempts. */
  said(runId: string): string[] {
    return this.heard
      .filter(({ event }) => event.runId === runId && event.source.includes('evaluator'))
      .filter(({ definition }) => definition.name !== 'StageAttempted')
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

  async report(ref: ArtifactRef): Promise<EvaluationReport> {
    return evaluationReport.parse(JSON.parse(String(await this.store.getFile(ref, 'report.json'))));
  }

  /** Names of the files that a report is made of. */
  async reportFiles(ref: ArtifactRef): Promise<string[]> {
    return (await this.store.readManifest(ref)).files.map(({ path }) => path).toSorted();
  }

  /** Names of the questions that were handed to a model for a run, over all starts. */
  asked(runId: string, subject: 'base' | 'tuned'): string[] {
    const isBase = (model: string): boolean => model.endsWith(`${runId}-base`);
    return this.generator
      .asked()
      .filter(({ model, id }) => id.includes(runId) && isBase(model) === (subject === 'base'))
      .map(({ id }) => id);
  }

  /** Names of the questions that were handed to whichever model, over all starts, in the order of the starts. */
  askedIn(runId: string): { pid: number; id: string }[] {
    return this.generator.asked().filter(({ id }) => id.includes(runId));
  }

  /** Names of the items to which an answer of a model is stored. */
  async answered(runId: string, subject: 'base' | 'tuned'): Promise<string[]> {
    const rows = await this.query(`SELECT item_id AS id FROM answer WHERE run_id = $1 AND subject = $2`, [
      runId,
      subject,
    ]);
    return ids.parse(rows).map(({ id }) => id);
  }

  /** How many rows the service's own table has. */
  async count(query: string, runId: string): Promise<number> {
    return count.parse(await this.query(`SELECT count(*) FROM ${query} AND run_id = $1`, [runId]))[0]?.count ?? 0;
  }

  private async query(sql: string, parameters: unknown[]): Promise<unknown> {
    const { POSTGRES_URL = '' } = this.servers.environment('evaluator');
    const dataSource = createDataSource({ url: POSTGRES_URL, schema: 'evaluator' });
    await dataSource.initialize();
    try {
      return await dataSource.query<unknown>(sql, parameters);
    } finally {
      await dataSource.destroy();
    }
  }

  /** The revision of a local model, as every service finds it. */
  private async revisionOf({ model }: AcceptedRunSpec, folder: string): Promise<string> {
    const { base } = await locateBaseModel(model, {
      resolveFile: async () => folder,
      hub: { endpoint: 'http://127.0.0.1:9', token: undefined },
      engine: this.generator,
      workDir: join(this.servers.folder, 'test'),
      store: { resolveTag: () => Promise.reject(new Error('not asked')) },
      place: () => Promise.reject(new Error('not asked')),
      signal: new AbortController().signal,
    });
    return base.revision;
  }

  private model(name: string, knowledge: Knowledge): string {
    const folder = join(this.servers.folder, 'models', name);
    mkdirSync(folder, { recursive: true });
    cpSync(this.emptyModel, folder, { recursive: true });
    writeFileSync(join(folder, 'answers.json'), JSON.stringify(knowledge));
    return folder;
  }
}

/** Waits for what is to come true within 20 s, or as long as is said. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > giveUpAt) throw new Error(`${what} did not happen`);
    await pause(20);
  }
}
