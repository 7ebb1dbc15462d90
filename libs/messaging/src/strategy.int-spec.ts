import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Failure,
  RunCancelled,
  RunFailed,
  TrainingCompleted,
  TrainRequested,
  type EventData,
  type ReceivedEvent,
} from '@anneal/contracts';
import { Controller, Module, type DynamicModule, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NatsConnection } from './connection.js';
import { encodeEvent } from './envelope.js';
import { followEvents } from './follow.js';
import { JetStreamStrategy, redeliveryDelayMs, type JetStreamStrategyOptions } from './jetstream.strategy.js';
import { TestNatsServer } from './nats-server.fixture.js';
import { OnEvent } from './on-event.js';
import { jetstream, publishEvent, publishTrainRequest } from './publish.js';
import { smallSpec } from './samples.fixture.js';
import { durableStreamState, migrateTopology } from './topology.js';

type Closing = ReceivedEvent<EventData<typeof RunFailed>>;

/** What the handlers of the tests do; each test sets its own. */
let onRequest: (event: ReceivedEvent) => Promise<void> = async () => undefined;
let onFailed: (event: Closing) => Promise<void> = async () => undefined;

@Controller()
class DatasetConsumer {
  @OnEvent(TrainRequested)
  requested(event: ReceivedEvent): Promise<void> {
    return onRequest(event);
  }

  @OnEvent(RunFailed)
  failed(event: Closing): Promise<void> {
    return onFailed(event);
  }

  @OnEvent(RunCancelled)
  async cancelled(): Promise<void> {}
}

@Controller()
class HalfConsumer {
  @OnEvent(TrainRequested)
  async requested(): Promise<void> {}

  @OnEvent(RunFailed)
  async failed(): Promise<void> {}

  @OnEvent(RunFailed)
  async failedToo(): Promise<void> {}

  @OnEvent(TrainingCompleted)
  async completed(): Promise<void> {}
}

@Module({})
class TestModule {
  static of(controller: Type): DynamicModule {
    return { module: TestModule, controllers: [controller] };
  }
}

let server: TestNatsServer;
let admin: NatsConnection;
const open: INestMicroservice[] = [];
const connections: NatsConnection[] = [];
const warnings: [string, object | undefined][] = [];

beforeAll(async () => {
  server = await TestNatsServer.start();
  admin = await server.connect('admin');
  await migrateTopology(admin);
});

afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
  for (const connection of connections.splice(0)) await connection.close();
  onRequest = async () => undefined;
  onFailed = async () => undefined;
  warnings.length = 0;
});

afterAll(async () => {
  await admin?.close();
  await server?.stop();
});

async function serve(options: Partial<JetStreamStrategyOptions> = {}, controller: Type = DatasetConsumer) {
  const connection = await server.connect('dataset');
  connections.push(connection);
  const strategy = new JetStreamStrategy({
    connection,
    service: 'dataset',
    log: { warn: (message, fields) => warnings.push([message, fields]) },
    ...options,
  });
  const app = await NestFactory.createMicroservice(TestModule.of(controller), {
    strategy,
    logger: false,
    abortOnError: false,
  });
  open.push(app);
  await app.listen();
  return { app, strategy };
}

const failed = (runId: string, id = `failed-${runId}`) =>
  encodeEvent(
    RunFailed,
    {
      runId,
      name: 'n',
      seconds: 1,
      stage: 'trainer',
      failure: { code: 'KILLED', message: 'm', remedy: 'r', retryable: true },
    },
    { id, source: '/anneal/gateway', runId },
  );

const ackPending = async () => {
  const manager = await jetstream(admin).jetstreamManager();
  const { num_ack_pending, num_pending } = await manager.consumers.info('ANNEAL', 'dataset');
  return num_ack_pending + num_pending;
};

describe('delivery', () => {
  it('hands events over in the order of the stream and acknowledges them', async () => {
    const got: ReceivedEvent[] = [];
    onRequest = async (event) => void got.push(event);
    onFailed = async (event) => void got.push(event);
    const { strategy } = await serve();
    const { eventId } = await publishTrainRequest(admin, smallSpec);
    await publishEvent(jetstream(admin), failed('order-1'));
    admin.publish(TrainRequested.subject, 'not json');
    await vi.waitFor(() => expect(got).toHaveLength(3), 5000);
    expect(got[0]).toMatchObject({ id: eventId, data: smallSpec, source: '/anneal/front-door' });
    expect(got[1]).toMatchObject({ id: 'failed-order-1', runId: 'order-1', data: { stage: 'trainer' } });
    expect(got[2]).toMatchObject({ data: undefined });
    expect(got[2]?.id).toMatch(/^anneal-\d+-/);
    await vi.waitFor(async () => expect(await ackPending()).toBe(0), 5000);
    expect(strategy.isConnected()).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('stores the same id once', async () => {
    const first = await publishEvent(jetstream(admin), failed('dedupe-1'));
    const second = await publishEvent(jetstream(admin), failed('dedupe-1'));
    expect(second).toEqual({ streamSequence: first.streamSequence, duplicate: true });
    expect(first.duplicate).toBe(false);
  });

  it('brings an event again, under the same id, when its handler throws', async () => {
    const got: string[] = [];
    onFailed = async (event) => {
      if (event.runId !== 'again-1') return;
      got.push(event.id);
      if (got.length === 1) throw new Error('database away');
    };
    onRequest = async (event) => {
      if (event.data === 7) got.push(event.id);
      if (got.length === 3) throw new Error('again');
    };
    await serve();
    await publishEvent(jetstream(admin), failed('again-1'));
    await vi.waitFor(() => expect(got).toEqual(['failed-again-1', 'failed-again-1']), 5000);
    admin.publish(TrainRequested.subject, '7');
    await vi.waitFor(() => expect(got).toHaveLength(4), 5000);
    expect(got[2]).toBe(got[3]);
    expect(warnings[0]?.[1]).toMatchObject({ error: 'database away', delayMs: 1000, service: 'dataset' });
    await vi.waitFor(async () => expect(await ackPending()).toBe(0), 5000);
  });

  it('sees a handler’s Failure as it was thrown and asks again later', async () => {
    onFailed = async () => {
      throw new Failure('BAD_DATA', 'No.', { remedy: 'None.' });
    };
    await serve();
    await publishEvent(jetstream(admin), failed('failure-1'));
    await vi.waitFor(() => expect(warnings).toHaveLength(1), 5000);
    expect(warnings[0]?.[1]).toMatchObject({ error: 'BAD_DATA: No.', delayMs: 30_000 });
    expect(await ackPending()).toBe(1);
  });

  it('waits longer each time, at most 30 s', () => {
    expect([1, 2, 3, 6, 50].map((delivery) => redeliveryDelayMs(new Error('x'), delivery))).toEqual([
      1000, 2000, 4000, 30_000, 30_000,
    ]);
  });
});

describe('what cannot be read', () => {
  it('is reported, then dropped for good', async () => {
    const reported: object[] = [];
    await serve({ onUndecodable: async (info) => void reported.push(info) });
    const { seq } = await jetstream(admin).publish(RunFailed.subject, '{"poison":true}');
    await vi.waitFor(() => expect(reported).toHaveLength(1), 5000);
    expect(reported[0]).toMatchObject({
      subject: RunFailed.subject,
      streamSequence: seq,
      reason: expect.stringMatching(/type/) as string,
    });
    expect(Buffer.from((reported[0] as { bytes: Uint8Array }).bytes).toString()).toBe('{"poison":true}');
    await pause(300);
    expect(reported).toHaveLength(1);
  });

  it('comes back when the report could not be written', async () => {
    let reports = 0;
    await serve({
      onUndecodable: async () => {
        reports += 1;
        if (reports === 1) throw new Error('database away');
      },
    });
    await jetstream(admin).publish(RunFailed.subject, 'poison');
    await vi.waitFor(() => expect(reports).toBe(2), 5000);
  });
});

describe('starting', () => {
  it('fails when handlers and consumer do not fit', async () => {
    const failure = await serve({}, HalfConsumer).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    const { message } = failure as Failure;
    expect(message).toContain('no handler takes anneal.run.cancelled');
    expect(message).toContain('does not bring anneal.training.completed');
    expect(message).toContain('two handlers take anneal.run.failed');
  });

  it('fails when the consumer does not exist', async () => {
    const manager = await jetstream(admin).jetstreamManager();
    await manager.consumers.delete('ANNEAL', 'dataset');
    const failure = await serve().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: expect.stringContaining('no consumer dataset') as string,
    });
    await migrateTopology(admin);
    expect(await ackPending()).toBeGreaterThan(0);
  });
});

describe('closing', () => {
  it('waits for the handler that runs, and acknowledges it', async () => {
    await serve(); // Takes what the test before left.
    await vi.waitFor(async () => expect(await ackPending()).toBe(0), 5000);
    let done = false;
    let begun = false;
    onFailed = async () => {
      begun = true;
      await pause(800);
      done = true;
    };
    await open.pop()?.close();
    const { app } = await serve();
    await publishEvent(jetstream(admin), failed('closing-1'));
    await vi.waitFor(() => expect(begun).toBe(true), 5000);
    await publishEvent(jetstream(admin), failed('closing-2'));
    await app.close();
    expect(done).toBe(true);
    expect(await ackPending()).toBe(1);
    await app.close();
    const got: string[] = [];
    onFailed = async (event) => void got.push(event.id);
    await serve();
    await vi.waitFor(() => expect(got).toEqual(['failed-closing-2']), 5000);
  });

  it('runs no more handlers at a time than it may', async () => {
    let running = 0;
    let most = 0;
    let finished = 0;
    onFailed = async () => {
      most = Math.max(most, ++running);
      await pause(50);
      running -= 1;
      finished += 1;
    };
    await serve({ concurrency: 3 });
    for (let at = 0; at < 12; at += 1) await publishEvent(jetstream(admin), failed(`many-${at}`));
    await vi.waitFor(() => expect(finished).toBe(12), 5000);
    expect(most).toBe(3);
  });
});

describe('a broker that goes away', () => {
  it('is waited for after a kill, and nothing stored is lost', async () => {
    const got: string[] = [];
    onFailed = async (event) => void got.push(event.id);
    const { strategy } = await serve();
    await server.kill();
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(false), 5000);
    await server.up();
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(true), 10_000);
    await vi.waitFor(() => publishEvent(jetstream(admin), failed('killed-1')), { timeout: 20_000, interval: 500 });
    await vi.waitFor(() => expect(got).toEqual(['failed-killed-1']), 20_000);
  });

  it('is bound to again after it lost its store and was migrated', async () => {
    const got: string[] = [];
    const followed: string[] = [];
    onFailed = async (event) => void got.push(event.id);
    const { strategy } = await serve();
    await publishEvent(jetstream(admin), failed('wiped-1'));
    const follower = await followEvents(admin, {}, (decoded) => {
      if (decoded.ok) followed.push(decoded.event.id);
    });
    await vi.waitFor(() => expect(followed).toContain('failed-wiped-1'), 5000);
    await vi.waitFor(() => expect(got).toContain('failed-wiped-1'), 5000);
    const before = await durableStreamState(admin);
    await server.wipe();
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(false), 20_000);
    await vi.waitFor(() => migrateTopology(admin), { timeout: 20_000, interval: 500 });
    const after = await durableStreamState(admin);
    expect(after.lastSequence).toBeLessThan(before.lastSequence);
    expect(after.created).not.toBe(before.created);
    await publishEvent(jetstream(admin), failed('wiped-2'));
    await vi.waitFor(() => expect(got).toContain('failed-wiped-2'), 20_000);
    await vi.waitFor(() => expect(followed).toContain('failed-wiped-2'), 20_000);
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(true), 5000);
    await follower.stop();
  });
});
