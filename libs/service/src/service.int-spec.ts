import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Failure,
  readiness,
  StageFailed,
  TrainingCompleted,
  type EventData,
  type Readiness,
  type ReceivedEvent,
} from '@anneal/contracts';
import { Inbox, JobQueue, Outbox, type ClaimedJob, type Completion } from '@anneal/jobs';
import {
  connectNats,
  encodeEvent,
  followEvents,
  jetstream,
  OnEvent,
  publishEvent,
  type DecodedEvent,
  type NatsConnection,
} from '@anneal/messaging';
import { secretsIn, startTestServers, type TestServers } from '@anneal/testing';
import { Controller, Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { baseConfigShape, storeConfigShape, workConfigShape } from './config.js';
import { defineService, worker, type Listener } from './definition.js';
import { Line } from './line.fixture.js';
import { createLogger } from './logging.js';
import { startService, type RunningService } from './start.js';

/** Stands in the place of the merger: does nothing but say how it went, 300 ms after a training was completed. */
@Controller()
class TestConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(TrainingCompleted)
  async trained(event: ReceivedEvent<EventData<typeof TrainingCompleted>>): Promise<void> {
    const { runId } = event.data;
    await this.inbox.take(event, async (tx) => {
      await this.jobs.add(tx, { runId, kind: 'test', input: {}, causationId: event.id });
    });
  }
}

const completed = TrainingCompleted.data.parse(
  JSON.parse(
    readFileSync(
      join(import.meta.dirname, '..', '..', 'contracts', 'golden', `${TrainingCompleted.type}.json`),
      'utf8',
    ),
  ),
);
const started = vi.fn<(runId: string) => void>();

@Injectable()
class TestWork {
  constructor(private readonly outbox: Outbox) {}

  async run({ runId, attempt }: ClaimedJob<unknown>): Promise<Completion> {
    started(runId);
    await pause(300);
    const failure = new Failure('KILLED', 'It did its work.', { remedy: 'None.' }).toDetail();
    return async (tx) => {
      await this.outbox.add(tx, StageFailed, { runId, stage: 'merger', attempts: attempt, failure }, { runId });
    };
  }

  toFailure(error: unknown): Failure {
    return new Failure('INTERNAL', String(error), { remedy: 'None.' });
  }
}

/** What a listener was closed with, and whether the service was still alive then. */
const closed = vi.fn<(options: { graceMs: number }, live: number) => void>();

@Injectable()
class TestListener implements Listener {
  async listen(): Promise<string> {
    return 'somewhere:1';
  }

  async close(options: { graceMs: number }): Promise<void> {
    closed(options, (await get('/health/live')).status);
  }
}

const testService = defineService({
  name: 'merger',
  stage: 'merger',
  config: z.object({ ...baseConfigShape, ...storeConfigShape, ...workConfigShape }),
  migrations: [],
  module: () => ({ controllers: [TestConsumer], providers: [TestWork, TestListener] }),
  listeners: { test: TestListener },
  workers: [worker({ kind: 'test', input: z.object({}), work: TestWork, follows: 'trainer' })],
});

const heard: Extract<DecodedEvent, { ok: true }>[] = [];
let servers: TestServers;
let nats: NatsConnection;
let broker: Line;
let database: Line;
let environment: Record<string, string>;
let service: RunningService | undefined;

beforeAll(async () => {
  servers = await startTestServers();
  nats = await connectNats({ url: servers.servers.nats.url, name: 'test' });
  await followEvents(nats, {}, (decoded) => {
    if (decoded.ok) heard.push(decoded);
  });
  environment = servers.environment('merger');
  broker = new Line(environment.NATS_URL ?? '');
  database = new Line(environment.POSTGRES_URL ?? '');
  environment = { ...environment, NATS_URL: await broker.listen(), POSTGRES_URL: await database.listen() };
}, 120_000);
afterEach(async () => {
  broker.mend();
  database.mend();
  await service?.stop();
  service = undefined;
});
afterAll(async () => {
  await nats?.close();
  await broker?.close();
  await database?.close();
  await servers?.stop();
});

/** All that the services of these tests have logged. */
const logged: string[] = [];
const start = async (more: Record<string, string> = {}): Promise<RunningService> => {
  const logger = createLogger('merger', 'debug', { write: (line) => void logged.push(line) });
  return (service = await startService(testService, { ...environment, ...more }, { logger }));
};
const get = (path: string): Promise<Response> => fetch(new URL(path, service?.url));
const ready = async (): Promise<{ status: number; report: Readiness }> => {
  const answer = await get('/health/ready');
  return { status: answer.status, report: readiness.parse(await answer.json()) };
};
const complete = async (runId: string): Promise<void> => {
  const envelope = { id: `of-${runId}`, source: 'test', runId };
  await publishEvent(jetstream(nats), encodeEvent(TrainingCompleted, { ...completed, runId }, envelope));
};
const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 50 });

describe('a service', () => {
  it('is alive, ready, and tells its numbers', async () => {
    await start();
    expect(await (await get('/health/live')).json()).toMatchObject({ status: 'up', version: '0.1.0' });
    expect((await get('/health/startup')).status).toBe(200);
    await soon(async () => {
      expect(await ready()).toEqual({
        status: 200,
        report: {
          status: 'up',
          parts: { database: { state: 'up' }, broker: { state: 'up' }, consumer: { state: 'up' } },
        },
      });
    });
    await complete('counted');
    await soon(async () => {
      const text = await (await get('/metrics')).text();
      expect(text).toContain('anneal_jobs{kind="test",state="succeeded",service="merger"} 1');
      expect(text).toContain('anneal_outbox_pending{service="merger"} 0');
      expect(text).toContain('anneal_outbox_lag_seconds{service="merger"} 0');
      expect(text).toContain('anneal_jobs{kind="test",state="failed",service="merger"} 0');
      expect(text).toContain('anneal_leases_held{kind="test",service="merger"} 0');
      expect(text).toMatch(/anneal_job_seconds\{kind="test",state="succeeded",service="merger"\} 0\.\d/);
      expect(text).toMatch(/anneal_job_attempt_duration_seconds_count\{.*outcome="succeeded".*\} 1/);
      expect(text).toContain('anneal_ready{service="merger"} 1');
      expect(text).toContain('anneal_part_up{part="database",service="merger"} 1');
      expect(text).toMatch(/anneal_http_requests_total\{.*route="\/health\/live",status="2xx".*\} 1/);
      expect(text).toMatch(/process_cpu_seconds_total\{service="merger"\} [\d.]+/);
    });
  });

  it('without its database is not ready, yet alive and measured, and comes back by itself', async () => {
    await start();
    database.cut();
    await soon(async () => {
      expect(await ready()).toMatchObject({
        status: 503,
        report: { status: 'down', parts: { database: { state: 'down' }, broker: { state: 'up' } } },
      });
    });
    expect((await get('/health/live')).status).toBe(200);
    const metrics = await get('/metrics');
    const text = await metrics.text();
    expect([metrics.status, text]).toEqual([200, expect.stringContaining('process_cpu')]);
    expect(text).toContain('anneal_part_up{part="database",service="merger"} 0');
    expect(text).not.toMatch(/^anneal_(jobs|leases_held|outbox_pending)\{/m);
    database.mend();
    await soon(async () => expect(await ready()).toMatchObject({ status: 200 }));
    await complete('after-the-cut');
    await soon(() => expect(heard.some(({ event }) => event.runId === 'after-the-cut')).toBe(true));
  });

  it('whose broker is silent is not ready', async () => {
    await start();
    broker.silence();
    await soon(async () =>
      expect(await ready()).toMatchObject({ status: 503, report: { parts: { broker: { state: 'down' } } } }),
    );
    broker.mend();
    await soon(async () => expect(await ready()).toMatchObject({ status: 200 }));
  });
});

describe('a stop', () => {
  const saidFailed = (runId: string): boolean =>
    heard.some(({ definition, event }) => definition === StageFailed && event.runId === runId);

  it('first closes what listens beside HTTP', async () => {
    const running = await start({ STOP_GRACE_SECONDS: '2' });
    expect(running.addresses).toEqual({ test: 'somewhere:1' });
    closed.mockClear();
    await running.stop();
    expect(closed.mock.calls).toEqual([[{ graceMs: 2_000 }, 200]]);
  });

  it('lets running work finish, and what it says is still published', async () => {
    const running = await start({ STOP_GRACE_SECONDS: '1' });
    await complete('in-work');
    await soon(() => expect(started).toHaveBeenCalledWith('in-work'));
    await Promise.all([running.stop(), running.stop()]);
    await soon(() => expect(saidFailed('in-work')).toBe(true));
    await expect(get('/health/live')).rejects.toThrow();
  });

  it('does not wait for ever for a broker that is silent', async () => {
    const running = await start({ STOP_GRACE_SECONDS: '1' });
    broker.silence();
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  it('does not wait for ever for a database that is silent', async () => {
    const running = await start({ STOP_GRACE_SECONDS: '1' });
    database.silence();
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

describe('a service that cannot start', () => {
  it('names all variables that are wrong', async () => {
    const wrong = startService(testService, { ...environment, NATS_URL: '', POSTGRES_URL: 'x', S3_ACCESS_KEY: '' });
    await expect(wrong).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/NATS_URL.*POSTGRES_URL.*S3_ACCESS_KEY/) as string,
    });
  });

  it('because of its port says so, and takes no events', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const port = String((other.address() as AddressInfo).port);
    await expect(start({ HTTP_PORT: port })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `Something else listens on 127.0.0.1:${port}.`,
    });
    other.close();
    await complete('nobody-there');
    await pause(1_000);
    expect(started).not.toHaveBeenCalledWith('nobody-there');
    await start();
    await soon(() => expect(started).toHaveBeenCalledWith('nobody-there'));
  });

  it('because the broker is away fails with its code', async () => {
    const failing = start({ NATS_URL: 'nats://merger:pw@127.0.0.1:9' });
    await expect(failing).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  });
});

it('has logged no password and no key, whatever went wrong in these tests', () => {
  const passwordOf = (url = ''): string => decodeURIComponent(new URL(url).password);
  const secrets = {
    'password of the database': passwordOf(environment.POSTGRES_URL),
    'password of the broker': passwordOf(environment.NATS_URL),
    'key of the store': environment.S3_SECRET_KEY ?? '',
  };
  expect(logged.length).toBeGreaterThan(20);
  expect(logged.filter((line) => secretsIn(line, secrets).length > 0)).toEqual([]);
});
