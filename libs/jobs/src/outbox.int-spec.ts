import { setTimeout as delay } from 'node:timers/promises';
import { StageFailed } from '@anneal/contracts';
import type { EncodedEvent } from '@anneal/messaging';
import type { DataSource, EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Gate, TestDatabase } from './jobs.fixture.js';
import { OutboxRelay, type PublishEvent } from './outbox-relay.js';
import { Outbox } from './outbox.js';

let database: TestDatabase;
let dataSource: DataSource;
const relays: OutboxRelay[] = [];
const outbox = new Outbox('trainer');

beforeAll(async () => {
  database = await TestDatabase.create();
  dataSource = await database.open();
});
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.stop();
  await dataSource.query('TRUNCATE outbox');
});
afterAll(() => database.drop());

function say(tx: EntityManager, attempts: number): Promise<string> {
  const failure = { code: 'KILLED', message: 'It was killed.', remedy: 'Look.', retryable: true } as const;
  return outbox.add(tx, StageFailed, { runId: 'run-1', stage: 'trainer', attempts, failure }, { runId: 'run-1' });
}

async function startRelay(publish: PublishEvent, url = database.url('trainer')): Promise<OutboxRelay> {
  const relay = new OutboxRelay({ dataSource, url, publish });
  relays.push(relay);
  await relay.start();
  return relay;
}

class Broker {
  readonly ids: string[] = [];
  readonly publish = async (event: EncodedEvent): Promise<{ streamSequence: number }> => {
    this.ids.push(event.headers['Nats-Msg-Id'] ?? '');
    return { streamSequence: this.ids.length };
  };
}

it('publishes what was committed, in order, soon after the commit, and remembers where it is', async () => {
  const broker = new Broker();
  const relay = await startRelay(broker.publish);
  await vi.waitFor(async () => expect(await lockHolders()).toBe(1));
  const said: string[] = [];
  const before = performance.now();
  for (let n = 1; n <= 120; n += 1) said.push(await dataSource.transaction((tx) => say(tx, n)));
  await vi.waitFor(() => expect(broker.ids).toHaveLength(120), { timeout: 5000, interval: 10 });
  expect(performance.now() - before).toBeLessThan(3000);
  expect(broker.ids).toEqual(said);
  await vi.waitFor(async () => expect(await relay.pending()).toBe(0));
  const rows = await dataSource.query<{ id: string }[]>(
    'SELECT id FROM outbox WHERE published_at IS NOT NULL ORDER BY stream_seq',
  );
  expect(rows.map(({ id }) => id)).toEqual(said);
});

it('publishes nothing of a transaction that is undone', async () => {
  const broker = new Broker();
  await startRelay(broker.publish);
  const undone = dataSource.transaction(async (tx) => {
    await say(tx, 1);
    throw new Error('undo');
  });
  await expect(undone).rejects.toThrow('undo');
  const id = await dataSource.transaction((tx) => say(tx, 2));
  await vi.waitFor(() => expect(broker.ids).toEqual([id]));
});

it('undoes the transaction of an event that breaks the contract', async () => {
  await expect(dataSource.transaction((tx) => say(tx, 0))).rejects.toThrow();
  expect(await dataSource.query('SELECT id FROM outbox')).toEqual([]);
});

it('stops at an event that the broker refuses, tries again, and keeps the order', async () => {
  const broker = new Broker();
  let refusals = 3;
  const relay = await startRelay(async (event) => {
    if (broker.ids.length === 1 && refusals-- > 0) throw new Error('no responders');
    return broker.publish(event);
  });
  const said = await dataSource.transaction(async (tx) => [await say(tx, 1), await say(tx, 2), await say(tx, 3)]);
  await vi.waitFor(async () => expect(await relay.pending()).toBe(0), { timeout: 8000 });
  expect(broker.ids).toEqual(said);
  const rows = await dataSource.query<unknown>('SELECT attempts, last_error FROM outbox ORDER BY seq');
  expect(rows).toEqual([1, 4, 1].map((attempts) => ({ attempts, last_error: null })));
});

it('goes on after its connection died', async () => {
  const broker = new Broker();
  await startRelay(broker.publish);
  const first = await dataSource.transaction((tx) => say(tx, 1));
  await vi.waitFor(() => expect(broker.ids).toEqual([first]));
  expect(await database.killBackends('trainer')).toBeGreaterThan(0);
  // The pool notices its dead connections in the next tick or two.
  await delay(100);
  const second = await dataSource.transaction((tx) => say(tx, 2));
  await vi.waitFor(() => expect(new Set(broker.ids)).toEqual(new Set([first, second])), { timeout: 5000 });
});

it('starts without a database and publishes when there is one', async () => {
  const gate = new Gate(new URL(database.adminUrl));
  const port = await gate.listen();
  gate.shut();
  const broker = new Broker();
  await startRelay(broker.publish, database.url('trainer', port));
  const id = await dataSource.transaction((tx) => say(tx, 1));
  await delay(300);
  expect(broker.ids).toEqual([]);
  gate.reopen();
  await vi.waitFor(() => expect(broker.ids).toEqual([id]), { timeout: 5000 });
  await relays[0]?.stop();
  await gate.close();
});

it('leaves the work to one relay, and the other takes over', async () => {
  const [left, right] = [new Broker(), new Broker()];
  const first = await startRelay(left.publish);
  await vi.waitFor(async () => expect(await lockHolders()).toBe(1));
  await startRelay(right.publish);
  for (let n = 1; n <= 10; n += 1) await dataSource.transaction((tx) => say(tx, n));
  await vi.waitFor(() => expect(left.ids).toHaveLength(10));
  await first.stop();
  const id = await dataSource.transaction((tx) => say(tx, 11));
  await vi.waitFor(() => expect(right.ids).toEqual([id]), { timeout: 5000 });
});

it('publishes what is written before it stops', async () => {
  const broker = new Broker();
  const relay = await startRelay(broker.publish);
  await vi.waitFor(async () => expect(await lockHolders()).toBe(1));
  const said = await dataSource.transaction(async (tx) => [await say(tx, 1), await say(tx, 2)]);
  await relay.stop();
  expect(broker.ids).toEqual(said);
});

async function lockHolders(): Promise<number> {
  const rows = await database.query<{ count: string }>(
    `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return Number(rows[0]?.count);
}
