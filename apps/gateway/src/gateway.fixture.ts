import { setTimeout as pause } from 'node:timers/promises';
import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import type { Gpu } from '@anneal/compute';
import {
  readTrainRequest,
  runView,
  type ArtifactRef,
  type EvaluationReport,
  type EventData,
  type EventDefinition,
  type RunView,
} from '@anneal/contracts';
import { openDeviceSchema, registerHost } from '@anneal/devices';
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
import { createLogger, startService, type Logger, type RunningService } from '@anneal/service';
import { startTestServers, type TestServers } from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { gatewayService } from './service.js';

const patienceMs = 15_000;
export const largestFileBytes = 60_000_000;

/** A gateway on real servers, and what its tests do around it: say what stages say, listen, and call the API. */
export class TestGateway {
  readonly heard: Extract<DecodedEvent, { ok: true }>[] = [];
  private sequence = 0;

  private constructor(
    private readonly servers: TestServers,
    /** As a user with all rights. */
    readonly broker: NatsConnection,
    private service: RunningService,
  ) {}

  static async start({ settings = {}, logger }: TestSettings = {}): Promise<TestGateway> {
    const servers = await startTestServers();
    const broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
    const test = new TestGateway(servers, broker, await serve(servers, { settings, logger }));
    await followEvents(broker, {}, (decoded) => {
      if (decoded.ok) test.heard.push(decoded);
    });
    return test;
  }

  /** What the service was started with. */
  get environment(): Record<string, string> {
    return environmentOf(this.servers);
  }

  get apiKey(): string {
    return this.servers.environment('gateway').API_KEY ?? '';
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.broker.close();
    await this.servers.stop();
  }

  /** A folder that is gone afterwards. */
  get folder(): string {
    return this.servers.folder;
  }

  /** Registers a host with these GPUs, as a trainer on it does. */
  async register(name: string, gpus: readonly Gpu[]): Promise<void> {
    await this.onDevices((source) =>
      registerHost(source, { name, service: 'trainer', gpus, memoryMiB: 8_192, open: 1 }),
    );
  }

  /** Puts a training into the queue for GPUs; it has some when a host is named. */
  async asked(job: { runId: string; project: string; host?: string; indices?: number[] }): Promise<void> {
    await this.onDevices(async (source) => {
      await source.query(
        `INSERT INTO devices.request (job_id, run_id, service, home, device, wanted, movable, priority, project,
                                      attended_until, host, indices, started_at)
         VALUES (gen_random_uuid(), $1, 'trainer', 'one', 'gpu', 1, false, 0, $2, now() + interval '1 hour',
                 $3, $4::int[], CASE WHEN $3::text IS NOT NULL THEN now() END)`,
        [job.runId, job.project, job.host ?? null, job.indices ?? null],
      );
    });
  }

  private async onDevices(change: (source: DataSource) => Promise<void>): Promise<void> {
    const url = this.servers.environment('trainer')['POSTGRES_URL'] ?? '';
    await openDeviceSchema(url);
    const source = await createDataSource({ url, schema: 'trainer' }).initialize();
    await change(source);
    await source.destroy();
  }

  /** Looks into the database of the service, or changes it, as the service itself would. */
  async onOwnDatabase<Result>(work: (source: DataSource) => Promise<Result>): Promise<Result> {
    const url = this.environment['POSTGRES_URL'] ?? '';
    const source = await createDataSource({ url, schema: 'gateway' }).initialize();
    try {
      return await work(source);
    } finally {
      await source.destroy();
    }
  }

  /** Stops the service while the servers go on. */
  async stopService(): Promise<void> {
    await this.service.stop();
  }

  async startServiceAgain(): Promise<void> {
    this.service = await serve(this.servers);
  }

  get url(): string {
    return this.service.url;
  }

  /** Where it listens for gRPC. */
  get grpcAddress(): string {
    return this.service.addresses.grpc ?? '';
  }

  /** Says what another service says; the same id twice is the same event twice. */
  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition> & { runId: string },
    { id = `test-${(this.sequence += 1)}`, turn }: { id?: string; turn?: number } = {},
  ): Promise<void> {
    const encoded = encodeEvent(definition, data, { id, source: 'test', runId: data.runId, turn });
    // Without the id in the header that the stream looks at, it takes the copy, as it does when its window has passed.
    const headers = { ...encoded.headers, 'Nats-Msg-Id': `${id}-${(this.sequence += 1)}` };
    await publishEvent(jetstream(this.broker), { ...encoded, headers });
  }

  /** What has been said about a run so far, by name. */
  namesOf(runId: string): string[] {
    return this.heardOf(runId).map(({ definition }) => definition.name);
  }

  heardOf(runId: string): Extract<DecodedEvent, { ok: true }>[] {
    // A request has no run in its envelope: the run follows from what is asked for.
    return this.heard.filter(({ event }) => (event.runId || readTrainRequest(event.data, event.id).runId) === runId);
  }

  async call(path: string, { key = this.apiKey, ...init }: RequestInit & { key?: string } = {}): Promise<Response> {
    return fetch(new URL(path, this.url), {
      ...init,
      headers: { ...(key ? { authorization: `Bearer ${key}` } : {}), ...init.headers },
    });
  }

  post(path: string, body?: string | object, type = 'application/json'): Promise<Response> {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const headers: Record<string, string> = text === undefined ? {} : { 'content-type': type };
    return this.call(path, { method: 'POST', headers, ...(text === undefined ? {} : { body: text }) });
  }

  async run(id: string): Promise<RunView | undefined> {
    const response = await this.call(`/api/runs/${id}`);
    if (response.status === 404) return undefined;
    return runView.parse(((await response.json()) as { run: unknown }).run);
  }

  /** Waits until the run looks as asked, and returns it. */
  async runWhen(id: string, looks: (run: RunView) => boolean): Promise<RunView> {
    return until(`run ${id}`, async () => {
      const run = await this.run(id);
      return run && looks(run) ? run : undefined;
    });
  }

  async store(): Promise<ArtifactStore> {
    const store = connectStore(this.servers.servers.s3);
    await store.ensureReady();
    return store;
  }

  async storeReport(report: EvaluationReport): Promise<ArtifactRef> {
    const store = await this.store();
    return store.putFiles('report', [{ path: 'report.json', source: Buffer.from(JSON.stringify(report)) }]);
  }
}

/** Asks again and again until there is an answer. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + patienceMs;
  while (Date.now() < giveUpAt) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    await pause(20);
  }
  throw new Error(`gave up waiting for ${what}`);
}

interface TestSettings {
  readonly settings?: Record<string, string>;
  readonly logger?: Logger | undefined;
}

function serve(
  servers: TestServers,
  { settings = {}, logger = createLogger('gateway', 'silent') }: TestSettings = {},
): Promise<RunningService> {
  return startService(gatewayService, { ...environmentOf(servers), ...settings }, { logger });
}

function environmentOf(servers: TestServers): Record<string, string> {
  return {
    ...servers.environment('gateway'),
    MODELS: 'tiny=file:/models/tiny,acme/tiny=acme/tiny@main',
    WEBHOOK_TARGETS: 'any',
    CORS_ORIGINS: 'https://tools.example.com',
    LARGEST_FILE_BYTES: String(largestFileBytes),
  };
}
