import { setTimeout as pause } from 'node:timers/promises';
import { Failure, RunFailed, TrainRequested, type ReceivedEvent } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeadLetterBox, DeadMessage, DeliveredEvent } from './dead-letter-box.js';
import { jetstream, publishEvent, replayEvent } from './publish.js';
import { failedEvent, handlers, TestConsumers } from './strategy.fixture.js';

/** As a table would keep it. */
class Box implements DeadLetterBox {
  readonly letters: DeadMessage[] = [];
  readonly calls: string[] = [];
  starts = 0;
  failures = 0;

  async setAside(message: DeadMessage): Promise<void> {
    this.letters.push(message);
  }
  async begun({ eventId }: DeliveredEvent): Promise<number> {
    this.calls.push(`begun ${eventId}`);
    return (this.starts += 1);
  }
  async done({ eventId }: DeliveredEvent): Promise<void> {
    this.calls.push(`done ${eventId}`);
  }
  async failed({ eventId }: DeliveredEvent): Promise<number> {
    this.calls.push(`failed ${eventId}`);
    return (this.failures += 1);
  }
  async interrupted({ eventId }: DeliveredEvent): Promise<void> {
    this.calls.push(`interrupted ${eventId}`);
  }
}

let consumers: TestConsumers;
let box: Box;

beforeAll(async () => {
  consumers = await TestConsumers.start();
});
afterEach(() => consumers.closeAll());
afterAll(() => consumers?.stop());

const serve = async (more: { mostFailures?: number } = {}): Promise<void> => {
  box = new Box();
  await consumers.serve({ deadLetters: box, ...more });
};
const soon = (check: () => void | Promise<void>) => vi.waitFor(check, 8000);

describe('a message that cannot be read', () => {
  it('is kept as it came, then dropped for good', async () => {
    await serve();
    const { seq } = await jetstream(consumers.admin).publish(RunFailed.subject, '{"poison":true}', { msgID: 'p-1' });
    await soon(() => expect(box.letters).toHaveLength(1));
    expect(box.letters[0]).toMatchObject({
      cause: 'unreadable',
      subject: RunFailed.subject,
      streamSequence: seq,
      eventId: 'p-1',
      reason: expect.stringMatching(/type/) as string,
      headers: { 'Nats-Msg-Id': ['p-1'] },
      deliveries: 1,
    });
    expect(Buffer.from(box.letters[0]?.bytes ?? []).toString()).toBe('{"poison":true}');
    await pause(300);
    expect(box.letters).toHaveLength(1);
    expect(await consumers.unsettled()).toBe(0);
  });

  it('comes back when it could not be kept', async () => {
    await serve();
    const keep = vi.spyOn(box, 'setAside').mockRejectedValueOnce(new Error('database away'));
    await jetstream(consumers.admin).publish(RunFailed.subject, 'poison');
    await soon(() => expect(keep).toHaveBeenCalledTimes(2));
    await soon(async () => expect(await consumers.unsettled()).toBe(0));
  });
});

describe('an event whose handler keeps failing', () => {
  it('is set aside after some failures, and those behind it are taken', async () => {
    const taken: string[] = [];
    handlers.failed = async ({ id }) => {
      if (id === 'failed-bad') throw new Error('a bug');
      taken.push(id);
    };
    await serve({ mostFailures: 2 });
    await publishEvent(jetstream(consumers.admin), failedEvent('bad'));
    await publishEvent(jetstream(consumers.admin), failedEvent('good'));
    await soon(() => expect(box.letters).toHaveLength(1));
    expect(box.letters[0]).toMatchObject({
      cause: 'failing',
      eventId: 'failed-bad',
      deliveries: 2,
      reason: expect.stringContaining('a bug') as string,
    });
    expect(taken).toEqual(['failed-good']);
    await soon(async () => expect(await consumers.unsettled()).toBe(0));
    expect(box.calls).toEqual(['failed failed-bad', 'begun failed-bad', 'failed failed-bad']);
  });

  it('comes back as often as it takes when something is away, and costs nothing once it went well', async () => {
    let tries = 0;
    handlers.failed = async () => {
      if ((tries += 1) < 3) throw new Failure('DATABASE_UNAVAILABLE', 'Away.', { remedy: 'None.' });
    };
    await serve({ mostFailures: 1 });
    await publishEvent(jetstream(consumers.admin), failedEvent('outage'));
    await soon(() => expect(box.calls).toContain('done failed-outage'));
    expect(box.letters).toEqual([]);
    expect(box.calls).toEqual([
      'interrupted failed-outage',
      'begun failed-outage',
      'interrupted failed-outage',
      'begun failed-outage',
      'done failed-outage',
    ]);
  });
});

describe('an event that ends the process', () => {
  it('is set aside without being handled, once it began too often', async () => {
    let handled = 0;
    handlers.failed = async () => {
      handled += 1;
      throw new Failure('DATABASE_UNAVAILABLE', 'Away.', { remedy: 'None.' });
    };
    await serve();
    box.starts = 5;
    await publishEvent(jetstream(consumers.admin), failedEvent('crash'));
    await soon(() => expect(box.letters).toHaveLength(1));
    expect(box.letters[0]).toMatchObject({ cause: 'crashing', eventId: 'failed-crash', deliveries: 2 });
    expect(handled).toBe(1);
    await soon(async () => expect(await consumers.unsettled()).toBe(0));
  });
});

describe('a replay', () => {
  it('is the same event, for the stream a new message', async () => {
    const got: ReceivedEvent[] = [];
    handlers.failed = async (event) => void got.push(event);
    await serve();
    const { subject, headers, payload } = failedEvent('replayed');
    const first = await publishEvent(jetstream(consumers.admin), { subject, headers, payload });
    const kept = {
      subject,
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      bytes: Buffer.from(payload),
      eventId: 'failed-replayed',
    };
    for (const _ of ['once', 'twice']) await replayEvent(jetstream(consumers.admin), kept);
    await soon(() => expect(got).toHaveLength(3));
    expect(new Set(got.map(({ id }) => id))).toEqual(new Set(['failed-replayed']));
    expect(got.map(({ streamSequence = 0 }) => streamSequence - first.streamSequence)).toEqual([0, 1, 2]);
    expect(got[2]).toEqual({ ...got[0], streamSequence: first.streamSequence + 2 });
  });

  it.each([
    ['bare JSON', {}, '{"bare":true}'],
    [
      'a structured event',
      { 'content-type': ['application/cloudevents+json'] },
      '{"specversion":"1.0","data":{"n":1}}',
    ],
  ])('of %s that said no id keeps the one that was given to it', async (form, headers, text) => {
    const got: ReceivedEvent[] = [];
    handlers.requested = async (event) => void got.push(event);
    await serve();
    const eventId = `anneal-7-${form.length}`;
    const kept = { subject: TrainRequested.subject, headers, bytes: Buffer.from(text), eventId };
    await replayEvent(jetstream(consumers.admin), kept);
    await soon(() => expect(got).toMatchObject([{ id: eventId }]));
  });
});
