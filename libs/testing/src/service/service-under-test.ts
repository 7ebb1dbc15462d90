import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import type { EventData, EventDefinition, Progress, ServiceName } from '@anneal/contracts';
import { createDataSource, type Backoff } from '@anneal/jobs';
import { encodeEvent, jetstream, publishEvent, type NatsConnection } from '@anneal/messaging';
import type { DataSource } from 'typeorm';
import { startPodHost, type PodHost } from '../cluster/pod-host.js';
import type { SmallCluster } from '../cluster/small-cluster.js';
import type { HeardEvent, Surroundings } from './surroundings.js';
import { until } from './until.js';

type Settings = Readonly<Record<string, string>>;

/** No server is to come back while a job waits: nobody gains by a pause. */
const backoff: Backoff = { firstMs: 100, factor: 3, maxMs: 2_000 };

/** What one service has that the others have not. */
interface Tested<Service> {
  readonly name: ServiceName;
  readonly start: (environment: Record<string, string>, options: { backoff: Backoff }) => Promise<Service>;
  /** What it is told beyond its servers. */
  readonly settings?: Settings;
  /** Who works in its pods, and what it is told when it has any. */
  readonly pods?: { readonly standIn: { readonly python: string }; readonly settings: Settings };
}

/** A service with real servers around it: it is started and stopped, told what others say, and listened to. */
export class ServiceUnderTest<Service extends { stop(): Promise<void> } = { stop(): Promise<void> }> {
  private running: Service | undefined;
  /** Where it works, if not on its own machine. */
  private podHost: PodHost | undefined;

  protected constructor(
    private readonly surroundings: Surroundings,
    private readonly tested: Tested<Service>,
  ) {}

  /** The service, which has to be started. */
  protected get service(): Service {
    if (this.running === undefined) throw new Error(`the ${this.tested.name} does not run`);
    return this.running;
  }

  /** As a user with all rights. */
  get broker(): NatsConnection {
    return this.surroundings.broker;
  }

  /** As a user with all rights. */
  get store(): ArtifactStore {
    return this.surroundings.store;
  }

  /** With the rights that the service has. */
  get ownStore(): ArtifactStore {
    const { s3 } = this.surroundings.servers.servers;
    return connectStore({ ...s3.loginOf(this.tested.name), bucket: s3.bucket });
  }

  /** A bucket beside the one of the artifacts, as its owner has it. */
  async bucket(name: string): Promise<ArtifactStore> {
    const store = connectStore({ ...this.surroundings.servers.servers.s3, bucket: name });
    await store.ensureReady();
    return store;
  }

  get heard(): readonly HeardEvent[] {
    return this.surroundings.heard;
  }

  get progress(): readonly Progress[] {
    return this.surroundings.progress;
  }

  /** Which the service may read, and which is gone afterwards. */
  get folder(): string {
    return this.surroundings.servers.folder;
  }

  /** Where it works for a run on its own machine. */
  workFolder(runId: string, name = ''): string {
    return join(this.folder, 'work', this.tested.name, runId, name);
  }

  get cluster(): SmallCluster {
    if (this.podHost === undefined) throw new Error(`the ${this.tested.name} works on its own machine`);
    return this.podHost.cluster;
  }

  /** What nobody but services may know. */
  get storeKeys(): string[] {
    const { s3 } = this.surroundings.servers.servers;
    return [s3.secretKey, s3.loginOf(this.tested.name).secretKey];
  }

  /** All that the service reads from its environment, with what a test changes. */
  environmentWith(changes: Settings = {}): Record<string, string> {
    return {
      ...this.environmentOf(this.tested.name),
      LOG_LEVEL: process.env['TEST_LOG'] ?? 'silent',
      STOP_GRACE_SECONDS: '0',
      ...this.tested.settings,
      ...(this.podHost && { ...this.podHost.environment, ...this.tested.pods?.settings }),
      ...changes,
    };
  }

  /** What a service reads from its environment to work with these servers. */
  protected environmentOf(name: ServiceName): Record<string, string> {
    return this.surroundings.servers.environment(name);
  }

  async startService(changes: Settings = {}): Promise<void> {
    this.running = await this.startBeside(changes);
  }

  /** One more of it, which is stopped by whoever starts it. */
  startBeside(changes: Settings): Promise<Service> {
    return this.tested.start(this.environmentWith(changes), { backoff });
  }

  /** Stops the service while the servers go on. */
  async stopService(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
  }

  /** From now on it works in a small cluster of its own. */
  async moveToCluster(changes: Settings = {}): Promise<void> {
    if (this.tested.pods === undefined) throw new Error(`the ${this.tested.name} has no pods`);
    await this.stopService();
    this.podHost = await startPodHost(this.folder, this.tested.pods.standIn);
    await this.startService(changes);
  }

  /** Stops all of it. */
  async stop(): Promise<void> {
    await this.stopService();
    await this.podHost?.cluster.stop();
    await this.surroundings.stop();
  }

  /** Says what another service says; the same id twice is the same event twice. */
  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition> & { runId: string },
    envelope: { id?: string; turn?: number; project?: string } = {},
  ): Promise<void> {
    const { runId } = data;
    const { id = `${definition.name}-${runId}`, ...more } = envelope;
    const event = encodeEvent(definition, data, { id, source: 'test', runId, ...more });
    await publishEvent(jetstream(this.broker), event);
  }

  /** What the service said about a run, in order, but for its attempts. */
  said(runId: string): HeardEvent[] {
    return this.heard
      .filter(({ event }) => event.runId === runId && event.source.includes(this.tested.name))
      .filter(({ definition }) => definition.name !== 'StageAttempted');
  }

  /** The same, by name. */
  names(runId: string): string[] {
    return this.said(runId).map(({ definition }) => definition.name);
  }

  /** Everything that the service says about a run, once it has said something and had time to say more. */
  async allSaid(runId: string, quietMs: number): Promise<HeardEvent[]> {
    await until(`a word about ${runId}`, () => this.said(runId).length > 0);
    await pause(quietMs);
    return this.said(runId);
  }

  /** Waits for an event about a run, of the turn that is named. */
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

  /** Looks into the tables of the service, or changes them, as the service itself would. */
  onTables<Result>(work: (tables: DataSource) => Promise<Result>): Promise<Result> {
    return this.onTablesOf(this.tested.name, work);
  }

  protected async onTablesOf<Result>(
    service: ServiceName,
    work: (tables: DataSource) => Promise<Result>,
  ): Promise<Result> {
    const url = this.environmentOf(service)['POSTGRES_URL'] ?? '';
    const tables = await createDataSource({ url, schema: service }).initialize();
    try {
      return await work(tables);
    } finally {
      await tables.destroy();
    }
  }

  query(sql: string, parameters: unknown[] = []): Promise<unknown[]> {
    return this.onTables((tables) => tables.query<unknown[]>(sql, parameters));
  }
}
