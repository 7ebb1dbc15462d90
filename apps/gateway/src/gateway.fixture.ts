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
import { encodeEvent, jetstream, publishEvent } from '@anneal/messaging';
import { startService, type Logger, type RunningService } from '@anneal/service';
import { ServiceUnderTest, startSurroundings, until, type HeardEvent, type Surroundings } from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { gatewayService } from './service.js';

export const largestFileBytes = 60_000_000;

/** The gateway, and what its tests do around it: say what stages say, listen, and call the API. */
export class TestGateway extends ServiceUnderTest<RunningService> {
  private sequence = 0;

  private constructor(surroundings: Surroundings, { settings = {}, logger }: TestSettings) {
    super(surroundings, {
      name: 'gateway',
      start: (environment) => startService(gatewayService, environment, logger && { logger }),
      settings: {
        MODELS: 'tiny=file:/models/tiny,acme/tiny=acme/tiny@main',
        WEBHOOK_TARGETS: 'any',
        CORS_ORIGINS: 'https://tools.example.com',
        LARGEST_FILE_BYTES: String(largestFileBytes),
        // Whoever waits for it when the gateway stops is to be seen.
        STOP_GRACE_SECONDS: '20',
        ...settings,
      },
    });
  }

  static async start(settings: TestSettings = {}): Promise<TestGateway> {
    const gateway = new TestGateway(await startSurroundings(), settings);
    await gateway.startService();
    return gateway;
  }

  get apiKey(): string {
    return this.environmentWith()['API_KEY'] ?? '';
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

  private async onDevices(change: (tables: DataSource) => Promise<void>): Promise<void> {
    await openDeviceSchema(this.environmentOf('trainer')['POSTGRES_URL'] ?? '');
    await this.onTablesOf('trainer', change);
  }

  get url(): string {
    return this.service.url;
  }

  /** Where it listens for gRPC. */
  get grpcAddress(): string {
    return this.service.addresses.grpc ?? '';
  }

  /** Says what another service says; the same id twice is the same event twice. */
  override async say<Definition extends EventDefinition>(
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

  heardOf(runId: string): HeardEvent[] {
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

  async storeReport(report: EvaluationReport): Promise<ArtifactRef> {
    return this.store.putFiles('report', [{ path: 'report.json', source: Buffer.from(JSON.stringify(report)) }]);
  }
}

interface TestSettings {
  readonly settings?: Record<string, string>;
  readonly logger?: Logger | undefined;
}
