import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connectStore } from '@anneal/artifacts';
import {
  runView,
  type ArtifactRef,
  type EvaluationReport,
  type EventData,
  type EventDefinition,
  type RunView,
} from '@anneal/contracts';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import { prepareRoles } from '@anneal/jobs';
import {
  connectNats,
  encodeEvent,
  followEvents,
  jetstream,
  migrateTopology,
  permissionsOf,
  publishEvent,
  type DecodedEvent,
  type NatsConnection,
} from '@anneal/messaging';
import { createLogger, startService, type RunningService } from '@anneal/service';
import { gatewayService } from './service.js';

const patienceMs = 15_000;

/** A gateway on real servers, and what its tests do around it: say what stages say, listen, and call the API. */
export class TestGateway {
  readonly apiKey = 'a-key-for-the-tests';
  readonly heard: Extract<DecodedEvent, { ok: true }>[] = [];
  private sequence = 0;

  private constructor(
    private readonly folder: string,
    private readonly servers: EmbeddedServers,
    /** As a user with all rights. */
    readonly broker: NatsConnection,
    private service: RunningService,
    private readonly environment: Record<string, string>,
  ) {}

  static async start(): Promise<TestGateway> {
    const folder = await mkdtemp(join(tmpdir(), 'anneal-gateway-'));
    const servers = await startServers({
      dataDir: folder,
      binaries: await installServers(),
      natsUsers: [{ name: 'gateway', permissions: permissionsOf('gateway') }],
    });
    const password = servers.secret('gateway');
    await prepareRoles(servers.postgres.url, [{ name: 'gateway', password }]);
    const broker = await connectNats({ url: servers.nats.url, name: 'test' });
    await migrateTopology(broker);
    const environment = {
      NATS_URL: servers.nats.urlFor('gateway'),
      POSTGRES_URL: servers.postgres.urlFor('gateway', password),
      S3_ENDPOINT: servers.s3.endpoint,
      S3_ACCESS_KEY: servers.s3.accessKey,
      S3_SECRET_KEY: servers.s3.secretKey,
      S3_BUCKET: servers.s3.bucket,
      S3_REGION: servers.s3.region,
      API_KEY: 'a-key-for-the-tests',
    };
    const test = new TestGateway(folder, servers, broker, await serve(environment), environment);
    await followEvents(broker, {}, (decoded) => {
      if (decoded.ok) test.heard.push(decoded);
    });
    return test;
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.broker.close();
    await this.servers.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Stops the service while the servers go on. */
  async stopService(): Promise<void> {
    await this.service.stop();
  }

  async startServiceAgain(): Promise<void> {
    this.service = await serve(this.environment);
  }

  get url(): string {
    return this.service.url;
  }

  /** Says what another service says; the same id twice is the same event twice. */
  async say<Definition extends EventDefinition>(
    definition: Definition,
    data: EventData<Definition> & { runId: string },
    id = `test-${(this.sequence += 1)}`,
  ): Promise<void> {
    const encoded = encodeEvent(definition, data, { id, source: 'test', runId: data.runId });
    // Without the id in the header that the stream looks at, it takes the copy, as it does when its window has passed.
    const headers = { ...encoded.headers, 'Nats-Msg-Id': `${id}-${(this.sequence += 1)}` };
    await publishEvent(jetstream(this.broker), { ...encoded, headers });
  }

  /** What has been said about a run so far, by name. */
  namesOf(runId: string): string[] {
    return this.heardOf(runId).map(({ definition }) => definition.name);
  }

  heardOf(runId: string): Extract<DecodedEvent, { ok: true }>[] {
    return this.heard.filter(({ event }) => event.runId === runId);
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
    const { s3 } = this.servers;
    const store = connectStore(s3);
    await store.ensureReady();
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

function serve(environment: Record<string, string>): Promise<RunningService> {
  return startService(gatewayService, environment, {
    logger: createLogger('gateway', process.env.TEST_LOG_LEVEL ?? 'silent'),
  });
}
