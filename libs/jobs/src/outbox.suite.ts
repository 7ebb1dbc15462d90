import { setTimeout as delay } from 'node:timers/promises';
import { StageFailed } from '@anneal/contracts';
import type { EncodedEvent } from '@anneal/messaging';
import pg from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, expect, it, describe } from 'vitest';
import { eventually, Gate, TestDatabase } from './jobs.fixture.js';
import { OutboxRelay } from './outbox-relay.js';
import { Outbox } from './outbox.js';
import type { PublishEvent } from './relay-options.js';

describe('Outbox and OutboxRelay', () => {
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

  it('publishes what was committed, in order, and remembers where it is', async () => {
    const broker = new Broker();
    const relay = await startRelay(broker.publish);
    await eventually(async () => expect(await lockHolders()).toBe(1));
    const said: string[] = [];
    for (let n = 1; n <= 120; n += 1) said.push(await dataSource.transaction((tx) => say(tx, n)));
    await eventually(() => expect(broker.ids).toHaveLength(120));
    expect(broker.ids).toEqual(said);
    await eventually(async () => expect(await relay.pending()).toBe(0));
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
    await eventually(() => expect(broker.ids).toEqual([id]));
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
    expect(await relay.lagSeconds()).toBeGreaterThan(0);
    await eventually(async () => expect(await relay.pending()).toBe(0));
    expect(await relay.lagSeconds()).toBe(0);
    expect(broker.ids).toEqual(said);
    const rows = await dataSource.query<unknown>('SELECT attempts, last_error FROM outbox ORDER BY seq');
    expect(rows).toEqual([1, 4, 1].map((attempts) => ({ attempts, last_error: null })));
  });

  it('goes on after its connection died', async () => {
    const broker = new Broker();
    await startRelay(broker.publish);
    const first = await dataSource.transaction((tx) => say(tx, 1));
    await eventually(() => expect(broker.ids).toEqual([first]));
    expect(await database.killBackends('trainer')).toBeGreaterThan(0);
    // The pool may hand out a dead connection once more before it notices.
    const second = await eventually(() => dataSource.transaction((tx) => say(tx, 2)));
    await eventually(() => expect(new Set(broker.ids)).toEqual(new Set([first, second])));
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
    await eventually(() => expect(broker.ids).toEqual([id]));
    await relays[0]?.stop();
    await gate.close();
  });

  it('leaves the work to one relay, and the other takes over', async () => {
    const [left, right] = [new Broker(), new Broker()];
    const first = await startRelay(left.publish);
    await eventually(async () => expect(await lockHolders()).toBe(1));
    await startRelay(right.publish);
    for (let n = 1; n <= 10; n += 1) await dataSource.transaction((tx) => say(tx, n));
    await eventually(() => expect(left.ids).toHaveLength(10));
    await first.stop();
    const id = await dataSource.transaction((tx) => say(tx, 11));
    await eventually(() => expect(right.ids).toEqual([id]));
  });

  it('takes over from one whose process is frozen, and leaves one alone that shows itself', async () => {
    // A frozen process: its session holds the lock and does nothing.
    const frozen = new pg.Client({ connectionString: database.url('trainer'), options: '-c search_path=trainer' });
    frozen.on('error', () => undefined);
    await frozen.connect();
    await frozen.query(`SELECT pg_advisory_lock(hashtextextended('anneal:relay:' || current_schema(), 0))`);
    const beat = (secondsAgo: number) =>
      frozen.query(
        `INSERT INTO relay_beat (backend, beat_at)
         VALUES (pg_backend_pid(), clock_timestamp() - make_interval(secs => $1))
         ON CONFLICT (only_one) DO UPDATE SET backend = EXCLUDED.backend, beat_at = EXCLUDED.beat_at`,
        [secondsAgo],
      );
    await beat(5);
    const broker = new Broker();
    await startRelay(broker.publish);
    const id = await dataSource.transaction((tx) => say(tx, 1));
    await delay(1_500);
    expect(broker.ids).toEqual([]);
    await beat(60);
    await eventually(() => expect(broker.ids).toEqual([id]));
    await expect(frozen.query('SELECT 1')).rejects.toThrow();
  });

  it('publishes what is written before it stops', async () => {
    const broker = new Broker();
    const relay = await startRelay(broker.publish);
    await eventually(async () => expect(await lockHolders()).toBe(1));
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
});
