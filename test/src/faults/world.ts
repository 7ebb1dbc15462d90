import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceNames, type RunView, type ServiceName } from '@anneal/contracts';
import { startHub, startTestServers, type SmallHub, type TestServers } from '@anneal/testing';
import { jetstream } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { makeCheapEngine, type CheapEngine } from './cheap-engine.js';
import { Replica } from './replica.js';
import { leaseSeconds, LocalTrainings, type Trainings } from './trainings.js';

export interface WorldOptions {
  /** Processes of each stage; the gateway has one, so that its address stays known. */
  readonly replicas?: number | ((service: ServiceName) => number);
  /** Where trainings run; on this machine when left out. */
  readonly trainings?: (place: { servers: TestServers; engine: CheapEngine }) => Promise<Trainings>;
  /** More variables for some services. */
  readonly environment?: (service: ServiceName, replica: number, engine: CheapEngine) => Record<string, string>;
  /** A module that is loaded into a service before its own code. */
  readonly preload?: (service: ServiceName, replica: number) => string | undefined;
  /** Puts something between the services and the object store; returns the address to use. */
  readonly route?: (endpoint: string) => Promise<string>;
  /** The real engine, with its model, in the place of the cheap one. */
  readonly engine?: { readonly python: string; readonly model: string };
  /** Where the folder of the world is made. */
  readonly parent?: string;
  /** Called with the folder of the world before its services start. */
  readonly prepare?: (folder: string) => void;
}

interface RequestChange {
  readonly steps?: number;
  readonly checkpointEvery?: number;
  readonly to?: 'registry' | 'hub';
}

const trainingRows = 8;
/** The one token that the small Hub knows. */
const hubToken = 'hf_writer';

/** Repository of a run that is published on the Hub. */
export function hubName(run: string): string {
  return `acme/${run}`;
}

/** Six services as processes on real servers, the cheap engine in place of Axolotl, and a client that asks for runs. */
export class World {
  readonly requested: string[] = [];
  /** Runs whose course was changed by hand: what the API tells of them may go back. */
  readonly steered = new Set<string>();
  /** Runs that are published on the Hub; all others go to the registry. */
  readonly onHub = new Set<string>();
  readonly replicas: Replica[] = [];
  private counter = 0;

  private constructor(
    readonly servers: TestServers,
    readonly engine: CheapEngine,
    readonly hub: SmallHub,
    readonly trainings: Trainings,
    readonly nats: NatsConnection,
    /** As a superuser of the database. */
    readonly database: pg.Pool,
    private readonly options: WorldOptions,
    private readonly store: string | undefined,
  ) {}

  static async open(options: WorldOptions = {}): Promise<World> {
    const servers = await startTestServers({ parent: options.parent, durable: true });
    const hub = await startHub();
    const engine = await makeCheapEngine(join(servers.folder, 'engine'));
    await engine.setFaults({ stepMs: 25 });
    const { host, username: user, password: pass } = new URL(servers.servers.nats.url);
    const nats = await connect({ servers: host, user, pass, maxReconnectAttempts: -1, reconnectTimeWait: 200 });
    const database = new pg.Pool({ connectionString: servers.servers.postgres.url, max: 4 });
    database.on('error', () => undefined);
    const store = await options.route?.(servers.servers.s3.endpoint);
    const trainings = (await options.trainings?.({ servers, engine })) ?? new LocalTrainings(servers.folder, engine);
    const world = new World(servers, engine, hub, trainings, nats, database, options, store);
    // However this process ends, nothing of the world outlives it.
    process.once('exit', () => world.kill());
    mkdirSync(world.logFolder, { recursive: true });
    world.writeData();
    options.prepare?.(world.folder);
    for (const service of serviceNames) {
      const { replicas = 2 } = options;
      const count = service === 'gateway' ? 1 : typeof replicas === 'number' ? replicas : replicas(service);
      for (let number = 0; number < count; number += 1) world.replicas.push(world.replica(service, number));
    }
    for (const replica of world.replicas) replica.start();
    await world.ready();
    return world;
  }

  /** Whether the cheap engine trains, which counts its starts. */
  get cheap(): boolean {
    return this.options.engine === undefined;
  }

  get folder(): string {
    return this.servers.folder;
  }

  get logFolder(): string {
    return join(this.folder, 'log');
  }

  /** Where the gateway listens; another place after each of its starts. */
  gatewayUrl(): string {
    const log = readFileSync(join(this.logFolder, 'gateway-0.log'), 'utf8');
    const address = [...log.matchAll(/"address":"([^"]+)"/g)].at(-1)?.[1];
    if (!address) throw new Error('the gateway has not said its address yet');
    return address;
  }

  of(service: ServiceName): Replica[] {
    return this.replicas.filter((replica) => replica.service === service);
  }

  /** Asks for a run at the front door, with bare JSON, as any client would; repeats until the broker has taken it. */
  async request(change: RequestChange = {}): Promise<string> {
    const spec = this.specOf(change);
    await this.publish('anneal.train.requested', JSON.stringify(spec), { 'Nats-Msg-Id': `request-${spec.id}` });
    return spec.id;
  }

  /** Asks for a run over HTTP, at the gateway of this world or at another one. */
  async submit(headers: Record<string, string> = {}, gateway = this.gatewayUrl()): Promise<string> {
    const spec = this.specOf({});
    const init = {
      method: 'POST',
      body: JSON.stringify(spec),
      headers: { 'content-type': 'application/json', ...headers },
    };
    const answer = await this.call(new URL('/api/runs', gateway), init);
    if (!answer.ok) throw new Error(`${spec.id} was refused: ${await answer.text()}`);
    return spec.id;
  }

  private specOf({ steps = 12, checkpointEvery = 4, to = 'registry' }: RequestChange) {
    const id = `run-${(this.counter += 1)}`;
    this.requested.push(id);
    if (to === 'hub') this.onHub.add(id);
    return {
      id,
      name: id,
      model: { base: `file:${this.options.engine?.model ?? this.engine.model}` },
      dataset: { source: `file:${join(this.folder, 'train.jsonl')}`, heldOut: 0 },
      training: {
        method: 'lora',
        maxSteps: steps,
        microBatch: 1,
        gradientAccumulation: 1,
        epochs: 100,
        checkpointEvery,
      },
      evaluation: { benchmarks: [{ name: 'own-set', source: `file:${join(this.folder, 'questions.jsonl')}` }] },
      publish: { when: 'always', to: to === 'hub' ? `hub:${hubName(id)}` : `registry:${id}:latest` },
    };
  }

  async publish(subject: string, payload: string | Uint8Array, fields: Record<string, string> = {}): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const extra = headers();
      for (const [name, value] of Object.entries(fields)) extra.set(name, value);
      try {
        await jetstream(this.nats, { timeout: 2_000 }).publish(subject, payload, { headers: extra });
        return;
      } catch (error) {
        if (tries > 60) throw error;
        await pause(250);
      }
    }
  }

  async call(path: string | URL, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.gatewayUrl()), {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${this.servers.servers.secret('api-key')}` },
      signal: AbortSignal.timeout(5_000),
    });
  }

  async view(id: string): Promise<RunView | undefined> {
    const response = await this.call(`/api/runs/${id}`).catch(() => undefined);
    return response?.ok ? ((await response.json()) as { run: RunView }).run : undefined;
  }

  /** Waits until a run looks as asked. */
  async until(id: string, looks: (run: RunView) => boolean, withinMs = 60_000): Promise<RunView> {
    for (const end = Date.now() + withinMs; ; await pause(100)) {
      const run = await this.view(id);
      if (run && looks(run)) return run;
      if (Date.now() > end) throw new Error(`${id} is still ${JSON.stringify(run?.stages.map(({ state }) => state))}`);
    }
  }

  /** Everything that was requested has ended. */
  async settled(withinMs: number): Promise<boolean> {
    for (const end = Date.now() + withinMs; Date.now() < end; await pause(250)) {
      const open = await this.query<{ id: string }>(
        `SELECT id FROM unnest($1::text[]) AS id WHERE NOT EXISTS (
           SELECT FROM gateway.run WHERE run.id = id.id AND run.state NOT IN ('running', 'paused'))`,
        [this.requested],
      ).catch(() => [{ id: 'unknown' }]);
      if (open.length === 0) return true;
    }
    return false;
  }

  async query<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const { rows } = await this.database.query(sql, values);
    return rows as Row[];
  }

  /** What may stand in no log and no event. */
  secrets(): string[] {
    const { servers } = this.servers;
    const passwords = serviceNames.flatMap((name) => [
      servers.secret(`postgres-${name}`),
      new URL(servers.nats.urlFor(name)).password,
      servers.s3.loginOf(name).secretKey,
    ]);
    return [...passwords, servers.s3.secretKey, servers.secret('api-key'), hubToken, ...this.trainings.secrets];
  }

  /** Text of all logs of the services. */
  logs(): string {
    return readdirSync(this.logFolder)
      .map((name) => readFileSync(join(this.logFolder, name), 'utf8'))
      .join('\n');
  }

  /** @returns a folder with the logs of the services, which outlives this world */
  keepLogs(): string {
    const kept = mkdtempSync(join(tmpdir(), 'anneal-faults-'));
    cpSync(this.logFolder, kept, { recursive: true });
    return kept;
  }

  /** Ends the services, the client and the servers. @returns how each service ended */
  async close(): Promise<{ service: ServiceName; code: number | null; tookMs: number }[]> {
    const ends = await Promise.all(
      this.replicas.map(async (replica) => ({ service: replica.service, ...(await replica.stop()) })),
    );
    await this.nats.close();
    await this.database.end();
    await this.hub.stop();
    await this.trainings.close();
    await this.servers.stop();
    return ends;
  }

  private kill(): void {
    void this.trainings.close();
    for (const replica of this.replicas) replica.signal('SIGKILL');
    for (const pid of Object.values(this.servers.servers.pids())) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    }
  }

  private replica(service: ServiceName, number: number): Replica {
    const { environment, preload } = this.options;
    const module = preload?.(service, number);
    return new Replica(service, number, {
      environment: {
        ...this.servers.environment(service),
        LEASE_SECONDS: String(leaseSeconds),
        LOG_LEVEL: 'info',
        STOP_GRACE_SECONDS: '1',
        ...(['trainer', 'merger', 'evaluator'].includes(service)
          ? { ENGINE_PYTHON: this.options.engine?.python ?? this.engine.python }
          : {}),
        ...(['trainer', 'evaluator'].includes(service) ? { DEVICE: 'cpu' } : {}),
        ...(service === 'trainer' ? this.trainings.environment(number) : {}),
        ...(service === 'publisher' ? { HF_ENDPOINT: this.hub.url, HF_TOKEN: hubToken } : {}),
        ...(this.store ? { S3_ENDPOINT: this.store } : {}),
        ...environment?.(service, number, this.engine),
      },
      logFile: join(this.logFolder, `${service}-${number}.log`),
      ...(module ? { preload: module } : {}),
    });
  }

  private async ready(): Promise<void> {
    for (const end = Date.now() + 120_000; Date.now() < end; await pause(100)) {
      const said = this.replicas.map(({ service, number }) => {
        try {
          return readFileSync(join(this.logFolder, `${service}-${number}.log`), 'utf8').includes('"address":');
        } catch {
          return false;
        }
      });
      if (said.every(Boolean)) return;
    }
    throw new Error(`not all services are ready; their logs are in ${this.logFolder}`);
  }

  private writeData(): void {
    const rows = Array.from({ length: trainingRows }, (_, n) => ({
      messages: [
        { role: 'user', content: `question ${n}` },
        { role: 'assistant', content: `answer ${n}` },
      ],
    }));
    const questions = Array.from({ length: 4 }, (_, n) => ({
      id: `q${n}`,
      messages: [{ role: 'user', content: `What is ${n}?` }],
      expected: n % 2 === 0 ? `What is ${n}?` : 'something else',
    }));
    const lines = (list: readonly object[]): string => list.map((row) => `${JSON.stringify(row)}\n`).join('');
    writeFileSync(join(this.folder, 'train.jsonl'), lines(rows));
    writeFileSync(join(this.folder, 'questions.jsonl'), lines(questions));
  }
}
