import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventList, serviceNames, StageFailed, stageNames, type Progress, type ServiceName } from '@anneal/contracts';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectNats, requireServerVersion, type NatsConnection } from './connection.js';
import { encodeEvent, type DecodedEvent } from './envelope.js';
import { followEvents } from './follow.js';
import { TestNatsServer } from './nats-server.fixture.js';
import { followProgress, ProgressPublisher } from './progress.js';
import { publishEvent, publishTrainRequest } from './publish.js';
import { smallSpec, stageFailed, step } from './samples.fixture.js';
import { durableStreamState, migrateTopology } from './topology.js';

let server: TestNatsServer;
let admin: NatsConnection;
const users = new Map<ServiceName, NatsConnection>();

beforeAll(async () => {
  server = await TestNatsServer.start();
  admin = await server.connect('admin');
  await migrateTopology(admin);
  for (const service of serviceNames) users.set(service, await server.connect(service));
});

afterAll(async () => {
  for (const connection of [...users.values(), admin]) await connection?.close();
  await server?.stop();
});

function as(service: ServiceName): NatsConnection {
  const connection = users.get(service);
  if (!connection) throw new Error(service);
  return connection;
}

/** Whether the broker lets a request through; what is answered does not matter. */
async function allowed(nc: NatsConnection, subject: string, payload = ''): Promise<boolean> {
  try {
    await nc.request(subject, payload, { timeout: 1000 });
    return true;
  } catch (error) {
    if (/permissions violation/i.test(String(error) + String((error as Error).cause))) return false;
    throw error;
  }
}

describe('connecting', () => {
  it('says what to do when no server is there', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const attempt = connectNats({ url: `nats://a:geheim@127.0.0.1:${port}`, name: 'test' });
    const failure = await attempt.catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'BROKER_UNAVAILABLE', remedy: expect.stringContaining('NATS') as string });
    expect(String(failure)).not.toContain('geheim');
  });

  it('says so when the password is wrong', async () => {
    const attempt = connectNats({ url: `nats://trainer:geheim@127.0.0.1:${server.port}`, name: 'test' });
    await expect(attempt).rejects.toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
  });

  it.each(['http://x', '', 'nats://', 'nats://a:geheim@host:port'])('refuses the url %j', async (url) => {
    const failure = await connectNats({ url, name: 'test' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(failure)).not.toContain('geheim');
  });

  it('accepts this server’s version', () => {
    expect(() => requireServerVersion(admin)).not.toThrow();
  });
});

describe('the topology', () => {
  it('may be migrated again and keeps what is stored', async () => {
    await publishTrainRequest(admin, smallSpec);
    const before = await durableStreamState(admin);
    await migrateTopology(admin);
    await migrateTopology(admin);
    expect(await durableStreamState(admin)).toEqual(before);
  });

  it('brings an older form up to date', async () => {
    const manager = await jetstreamManager(admin);
    await manager.streams.update('ANNEAL_PROGRESS', { max_msgs_per_subject: 5 });
    await manager.consumers.update('ANNEAL', 'merger', { filter_subjects: ['anneal.run.failed'] });
    await migrateTopology(admin);
    expect((await manager.streams.info('ANNEAL_PROGRESS')).config.max_msgs_per_subject).toBe(1000);
    expect((await manager.consumers.info('ANNEAL', 'merger')).config.filter_subjects).toContain(
      'anneal.training.completed',
    );
  });

  it('cannot be migrated by a service', async () => {
    await expect(migrateTopology(as('trainer'))).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

describe('rights', () => {
  it.each(serviceNames)('%s may say its own events and no others', async (service) => {
    for (const { subject, producer } of eventList) {
      const own = producer === service || (producer === 'any stage' && service !== 'gateway');
      expect([subject, await allowed(as(service), subject, 'x')]).toEqual([subject, own]);
    }
  });

  it.each(serviceNames)('%s reads, settles and asks about its own consumer', async (service) => {
    const js = jetstream(as(service));
    const consumer = await js.consumers.get('ANNEAL', service);
    await publishEvent(
      jetstream(admin),
      encodeEvent(StageFailed, stageFailed('r'), { id: `${service}-1`, source: '/t', runId: 'r' }),
    );
    await jetstream(admin).publish('anneal.run.failed', 'x');
    const message = await consumer.next({ expires: 2000 });
    expect(message).not.toBeNull();
    expect(await message?.ackAck()).toBe(true);
    expect((await consumer.info()).ack_floor.stream_seq).toBeGreaterThan(0);
    expect((await durableStreamState(as(service)))?.lastSequence).toBeGreaterThan(0);
  });

  it.each(serviceNames)('%s reaches no other consumer, inbox or stream', async (service) => {
    const other = service === 'trainer' ? 'merger' : 'trainer';
    const nc = as(service);
    for (const subject of [
      `$JS.API.CONSUMER.MSG.NEXT.ANNEAL.${other}`,
      `$JS.API.CONSUMER.INFO.ANNEAL.${other}`,
      `$JS.API.CONSUMER.CREATE.ANNEAL.spy`,
      `$JS.API.CONSUMER.CREATE.ANNEAL.spy.anneal.train.requested`,
      `$JS.API.CONSUMER.DURABLE.CREATE.ANNEAL.${service}`,
      `$JS.API.CONSUMER.DELETE.ANNEAL.${service}`,
      '$JS.API.STREAM.DELETE.ANNEAL',
      '$JS.API.STREAM.PURGE.ANNEAL',
      '$JS.API.STREAM.UPDATE.ANNEAL',
      '$JS.API.STREAM.MSG.GET.ANNEAL',
      '$JS.API.DIRECT.GET.ANNEAL',
      `$JS.ACK.ANNEAL.${other}.1.1.1.1.0`,
      `$JS.ACK._.x.ANNEAL.${other}.1.1.1.1.0.y`,
    ]) {
      expect([subject, await allowed(nc, subject)]).toEqual([subject, false]);
    }
    for (const subject of ['anneal.>', 'anneal.progress.>', `_INBOX_${other}.>`, '_INBOX.>', '$JS.>']) {
      expect([subject, await refusedToListen(nc, subject)]).toEqual([subject, true]);
    }
  });

  it('a refused publish is a Failure that no retry helps', async () => {
    const encoded = encodeEvent(StageFailed, stageFailed('r'), { id: 'g-1', source: '/t', runId: 'r' });
    await expect(publishEvent(jetstream(as('gateway')), encoded)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('a stage says its own progress only, the gateway reads all of it', async () => {
    const got: Progress[] = [];
    const follower = await followProgress(as('gateway'), {}, (progress) => got.push(progress));
    for (const stage of stageNames) new ProgressPublisher(as(stage)).publish({ ...step('rights', 1), stage });
    new ProgressPublisher(as('merger')).publish(step('rights', 9));
    await vi.waitFor(() => expect(got).toHaveLength(stageNames.length), 5000);
    await pause(200);
    expect(got.map(({ stage }) => stage).sort()).toEqual([...stageNames].sort());
    expect(got.some(({ done }) => done === 9)).toBe(false);
    await follower.stop();
    await expect(followProgress(as('trainer'), {}, () => undefined)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

describe('progress', () => {
  it('of one run comes from its beginning, of all runs from where each stage stands', async () => {
    const publisher = new ProgressPublisher(as('trainer'));
    for (const done of [1, 2, 3]) publisher.publish(step('p-1', done));
    publisher.publish(step('p-2', 7));
    await as('trainer').flush();
    const one: number[] = [];
    const all = new Map<string, (number | undefined)[]>();
    const followers = [
      await followProgress(admin, { runId: 'p-1' }, ({ done }) => one.push(done ?? 0)),
      await followProgress(admin, {}, ({ runId, done }) => all.set(runId, [...(all.get(runId) ?? []), done])),
    ];
    await vi.waitFor(() => expect([one, all.get('p-1'), all.get('p-2')]).toEqual([[1, 2, 3], [3], [7]]), 5000);
    publisher.publish(step('p-1', 4));
    await vi.waitFor(
      () =>
        expect([one, all.get('p-1')]).toEqual([
          [1, 2, 3, 4],
          [3, 4],
        ]),
      5000,
    );
    for (const follower of followers) await follower.stop();
    publisher.publish(step('p-1', 5));
    await pause(200);
    expect(one).toHaveLength(4);
    const manager = await jetstreamManager(admin);
    expect((await manager.streams.info('ANNEAL_PROGRESS')).state.consumer_count).toBe(0);
  });

  it('goes on after a restart that emptied the stream, and after a lost store', async () => {
    const publisher = new ProgressPublisher(as('trainer'));
    const got: (number | undefined)[] = [];
    for (const done of [1, 2, 3, 4, 5]) publisher.publish(step('w-1', done));
    const follower = await followProgress(as('gateway'), { runId: 'w-1' }, ({ done }) => got.push(done));
    await vi.waitFor(() => expect(got).toEqual([1, 2, 3, 4, 5]), 5000);
    await server.kill();
    publisher.publish(step('w-1', 6));
    await server.up();
    await sayUntilHeard(publisher, 7, got);
    await server.wipe();
    await vi.waitFor(() => migrateTopology(admin), { timeout: 20_000, interval: 500 });
    await sayUntilHeard(publisher, 8, got);
    expect(got).not.toContain(6);
    await follower.stop();
  });

  it('never fails, whatever is said', async () => {
    const closed = await server.connect('trainer');
    const publisher = new ProgressPublisher(closed);
    expect(() => publisher.publish({ ...step('x', 1), runId: 'not.a.run' })).not.toThrow();
    await closed.close();
    expect(() => publisher.publish(step('x', 1))).not.toThrow();
  });
});

describe('following the durable stream', () => {
  it('reads from a place on and survives a callback that throws', async () => {
    const first = await publishTrainRequest(admin, smallSpec, { id: 'follow-1' });
    await publishTrainRequest(admin, smallSpec, { id: 'follow-2' });
    const got: [DecodedEvent, number][] = [];
    let thrown = false;
    const follower = await followEvents(admin, { fromSequence: first.streamSequence }, (decoded, sequence) => {
      got.push([decoded, sequence]);
      if (!thrown) {
        thrown = true;
        throw new Error('caller');
      }
    });
    await publishTrainRequest(admin, smallSpec, { id: 'follow-3' });
    const ids = () => got.map(([decoded]) => (decoded.ok ? decoded.event.id : decoded.id));
    await vi.waitFor(() => expect(ids()).toEqual(['follow-1', 'follow-2', 'follow-3']), 5000);
    expect(got[0]?.[1]).toBe(first.streamSequence);
    await follower.stop();
  });
});

async function sayUntilHeard(publisher: ProgressPublisher, done: number, got: (number | undefined)[]): Promise<void> {
  await vi.waitFor(
    () => {
      publisher.publish(step('w-1', done));
      expect(got).toContain(done);
    },
    { timeout: 30_000, interval: 250 },
  );
}

async function refusedToListen(nc: NatsConnection, subject: string): Promise<boolean> {
  let refused = false;
  const subscription = nc.subscribe(subject, {
    callback: (error) => {
      if (error) refused = true;
    },
  });
  await nc.flush();
  await pause(20);
  subscription.unsubscribe();
  return refused;
}
