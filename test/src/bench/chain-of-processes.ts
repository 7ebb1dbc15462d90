import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceNames, type ServiceName } from '@anneal/contracts';
import { connectNats, followEvents, type DecodedEvent, type NatsConnection } from '@anneal/messaging';
import { sampleRequest, startTestServers, type TestServers } from '@anneal/testing';
import pg from 'pg';
import { Replica } from '../faults/replica.js';

type Heard = Extract<DecodedEvent, { ok: true }>;
type Listener = (heard: Heard, at: number) => void;

const patienceMs = 60_000;

/** The real gateway and five stages without work, each a process of its own, on real servers. */
export class ChainOfProcesses {
  private readonly listeners = new Set<Listener>();
  private counter = 0;

  private constructor(
    readonly servers: TestServers,
    readonly nats: NatsConnection,
    private readonly replicas: ReadonlyMap<ServiceName, Replica>,
  ) {}

  static async open(services: readonly ServiceName[] = serviceNames): Promise<ChainOfProcesses> {
    const servers = await startTestServers({ durable: true });
    const nats = await connectNats({ url: servers.servers.nats.url, name: 'bench' });
    const log = join(servers.folder, 'log');
    mkdirSync(log, { recursive: true });
    const script = join(import.meta.dirname, 'no-op.main.js');
    const replicas = new Map(
      services.map((service) => {
        const environment = { ...servers.environment(service), STAGE: service, LOG_LEVEL: 'info' };
        const logFile = join(log, `${service}.log`);
        const options = service === 'gateway' ? { environment, logFile } : { environment, logFile, script };
        return [service, new Replica(service, 0, options)] as const;
      }),
    );
    const chain = new ChainOfProcesses(servers, nats, replicas);
    process.once('exit', () => chain.kill());
    for (const replica of replicas.values()) replica.start();
    for (const service of services) await saidReady(join(log, `${service}.log`));
    await followEvents(nats, {}, (decoded) => {
      const at = performance.now();
      if (decoded.ok) for (const listener of chain.listeners) listener(decoded, at);
    });
    return chain;
  }

  of(service: ServiceName): Replica {
    const replica = this.replicas.get(service);
    if (!replica) throw new Error(`${service} was not started`);
    return replica;
  }

  /** @returns what ends the listening */
  onEvent(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** As a superuser of the database. */
  async query(sql: string, values: unknown[]): Promise<void> {
    const client = new pg.Client({ connectionString: this.servers.servers.postgres.url });
    await client.connect();
    try {
      await client.query(sql, values);
    } finally {
      await client.end();
    }
  }

  /** Publishes a request as any client would, and resolves with its id. */
  request(): string {
    const runId = `bench-${(this.counter += 1)}`;
    this.nats.publish('anneal.train.requested', JSON.stringify({ ...sampleRequest, id: runId, name: runId }));
    return runId;
  }

  /** Asks for so many runs at once and resolves when all of them have succeeded. @returns milliseconds for each */
  async runAll(count: number): Promise<number[]> {
    const began = performance.now();
    const waiting = new Set<string>();
    const took: number[] = [];
    const done = this.untilEvent(`${count} runs`, ({ definition, event }, at) => {
      if (definition.name === 'RunSucceeded' && waiting.delete(event.runId)) took.push(at - began);
      return took.length === count;
    });
    for (let index = 0; index < count; index += 1) waiting.add(this.request());
    await done;
    return took;
  }

  /** @returns when the event came that was waited for, by performance.now() */
  untilEvent(what: string, isIt: (heard: Heard, at: number) => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => end(() => reject(new Error(`gave up waiting for ${what}`))), patienceMs);
      const stop = this.onEvent((heard, at) => {
        if (isIt(heard, at)) end(() => resolve(at));
      });
      const end = (settle: () => void): void => {
        clearTimeout(late);
        stop();
        settle();
      };
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.replicas.values()].map((replica) => replica.stop()));
    await this.nats.close();
    await this.servers.stop();
  }

  private kill(): void {
    for (const replica of this.replicas.values()) replica.signal('SIGKILL');
    for (const pid of Object.values(this.servers.servers.pids())) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    }
  }
}

async function saidReady(logFile: string): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await pause(50)) {
    const log = await Promise.resolve()
      .then(() => readFileSync(logFile, 'utf8'))
      .catch(() => '');
    if (log.includes('"address":')) return;
  }
  throw new Error(`a service did not get ready: ${readFileSync(logFile, 'utf8').slice(-500)}`);
}
