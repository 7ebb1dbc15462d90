import { setTimeout as pause } from 'node:timers/promises';
import { Failure, RunFailed, TrainingCompleted, TrainRequested, type ReceivedEvent } from '@anneal/contracts';
import { Controller } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NatsConnection } from './connection.js';
import { followEvents } from './follow.js';
import { redeliveryDelayMs } from './jetstream.strategy.js';
import type { TestNatsServer } from './nats-server.fixture.js';
import { OnEvent } from './on-event.js';
import { jetstream, publishEvent, publishTrainRequest } from './publish.js';
import { smallSpec } from './samples.fixture.js';
import { failedEvent as failed, handlers, TestConsumers } from './strategy.fixture.js';
import { durableStreamState, migrateTopology } from './topology.js';

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

let consumers: TestConsumers;
let server: TestNatsServer;
let admin: NatsConnection;

beforeAll(async () => {
  consumers = await TestConsumers.start();
  ({ server, admin } = consumers);
});
afterEach(() => consumers.closeAll());
afterAll(() => consumers?.stop());

describe('delivery', () => {
  it('hands events over in the order of the stream and acknowledges them', async () => {
    const got: ReceivedEvent[] = [];
    handlers.requested = async (event) => void got.push(event);
    handlers.failed = async (event) => void got.push(event);
    const { strategy } = await consumers.serve();
    const { eventId } = await publishTrainRequest(admin, smallSpec);
    await publishEvent(jetstream(admin), failed('order-1'));
    admin.publish(TrainRequested.subject, 'not json');
    await vi.waitFor(() => expect(got).toHaveLength(3), 5000);
    expect(got[0]).toMatchObject({ id: eventId, data: smallSpec, source: '/anneal/front-door' });
    expect(got[1]).toMatchObject({ id: 'failed-order-1', runId: 'order-1', data: { stage: 'trainer' } });
    expect(got[2]).toMatchObject({ data: undefined });
    expect(got[2]?.id).toMatch(/^anneal-\d+-/);
    await vi.waitFor(async () => expect(await consumers.unsettled()).toBe(0), 5000);
    expect(strategy.isConnected()).toBe(true);
    expect(consumers.warnings).toEqual([]);
  });

  it('stores the same id once', async () => {
    const first = await publishEvent(jetstream(admin), failed('dedupe-1'));
    const second = await publishEvent(jetstream(admin), failed('dedupe-1'));
    expect(second).toEqual({ streamSequence: first.streamSequence, duplicate: true });
    expect(first.duplicate).toBe(false);
  });

  it('brings an event again, under the same id, when its handler throws', async () => {
    const got: string[] = [];
    handlers.failed = async (event) => {
      if (event.runId !== 'again-1') return;
      got.push(event.id);
      if (got.length === 1) throw new Error('database away');
    };
    handlers.requested = async (event) => {
      if (event.data === 7) got.push(event.id);
      if (got.length === 3) throw new Error('again');
    };
    await consumers.serve();
    await publishEvent(jetstream(admin), failed('again-1'));
    await vi.waitFor(() => expect(got).toEqual(['failed-again-1', 'failed-again-1']), 5000);
    admin.publish(TrainRequested.subject, '7');
    await vi.waitFor(() => expect(got).toHaveLength(4), 5000);
    expect(got[2]).toBe(got[3]);
    expect(consumers.warnings[0]?.[1]).toMatchObject({ error: 'database away', delayMs: 1000, service: 'dataset' });
    await vi.waitFor(async () => expect(await consumers.unsettled()).toBe(0), 5000);
  });

  it('sees a handler’s Failure as it was thrown and asks again later', async () => {
    handlers.failed = async () => {
      throw new Failure('BAD_DATA', 'No.', { remedy: 'None.' });
    };
    await consumers.serve();
    await publishEvent(jetstream(admin), failed('failure-1'));
    await vi.waitFor(() => expect(consumers.warnings).toHaveLength(1), 5000);
    expect(consumers.warnings[0]?.[1]).toMatchObject({ error: 'BAD_DATA: No.', delayMs: 30_000 });
    expect(await consumers.unsettled()).toBe(1);
  });

  it('waits longer each time, at most 30 s', () => {
    expect([1, 2, 3, 6, 50].map((delivery) => redeliveryDelayMs(new Error('x'), delivery))).toEqual([
      1000, 2000, 4000, 30_000, 30_000,
    ]);
  });
});

describe('starting', () => {
  it('fails when handlers and consumer do not fit', async () => {
    const failure = await consumers.serve({}, HalfConsumer).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Failure);
    const { message } = failure as Failure;
    expect(message).toContain('no handler takes anneal.run.cancelled');
    expect(message).toContain('does not bring anneal.training.completed');
    expect(message).toContain('two handlers take anneal.run.failed');
  });

  it('fails when the consumer does not exist', async () => {
    const manager = await jetstream(admin).jetstreamManager();
    await manager.consumers.delete('ANNEAL', 'dataset');
    const failure = await consumers.serve().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: expect.stringContaining('no consumer dataset') as string,
    });
    await migrateTopology(admin);
    expect(await consumers.unsettled()).toBeGreaterThan(0);
  });
});

describe('closing', () => {
  it('waits for the handler that runs, and acknowledges it', async () => {
    await consumers.serve(); // Takes what the test before left.
    await vi.waitFor(async () => expect(await consumers.unsettled()).toBe(0), 5000);
    let done = false;
    let begun = false;
    handlers.failed = async () => {
      begun = true;
      await pause(800);
      done = true;
    };
    await consumers.open.pop()?.close();
    const { app } = await consumers.serve();
    await publishEvent(jetstream(admin), failed('closing-1'));
    await vi.waitFor(() => expect(begun).toBe(true), 5000);
    await publishEvent(jetstream(admin), failed('closing-2'));
    await app.close();
    expect(done).toBe(true);
    expect(await consumers.unsettled()).toBe(1);
    await app.close();
    const got: string[] = [];
    handlers.failed = async (event) => void got.push(event.id);
    await consumers.serve();
    await vi.waitFor(() => expect(got).toEqual(['failed-closing-2']), 5000);
  });

  it('runs no more handlers at a time than it may', async () => {
    let running = 0;
    let most = 0;
    let finished = 0;
    handlers.failed = async () => {
      most = Math.max(most, ++running);
      await pause(50);
      running -= 1;
      finished += 1;
    };
    await consumers.serve({ concurrency: 3 });
    for (let at = 0; at < 12; at += 1) await publishEvent(jetstream(admin), failed(`many-${at}`));
    await vi.waitFor(() => expect(finished).toBe(12), 5000);
    expect(most).toBe(3);
  });
});

describe('a broker that goes away', () => {
  it('is waited for after a kill, and nothing stored is lost', async () => {
    const got: string[] = [];
    handlers.failed = async (event) => void got.push(event.id);
    const { strategy } = await consumers.serve();
    await server.kill();
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(false), 5000);
    await server.up();
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(true), 10_000);
    await vi.waitFor(() => publishEvent(jetstream(admin), failed('killed-1')), { timeout: 20_000, interval: 500 });
    // What an earlier reader left unacknowledged may come in between.
    await vi.waitFor(() => expect(got).toContain('failed-killed-1'), 20_000);
  });

  it('is bound to again after it lost its store and was migrated', async () => {
    const got: string[] = [];
    const followed: string[] = [];
    handlers.failed = async (event) => void got.push(event.id);
    const { strategy } = await consumers.serve();
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
    expect(after?.lastSequence).toBeLessThan(before?.lastSequence ?? 0);
    expect(after?.created).not.toBe(before?.created);
    await publishEvent(jetstream(admin), failed('wiped-2'));
    await vi.waitFor(() => expect(got).toContain('failed-wiped-2'), 20_000);
    await vi.waitFor(() => expect(followed).toContain('failed-wiped-2'), 20_000);
    await vi.waitFor(() => expect(strategy.isConnected()).toBe(true), 5000);
    await follower.stop();
  });
});
