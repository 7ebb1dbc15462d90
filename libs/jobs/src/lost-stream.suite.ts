import { setTimeout as delay } from 'node:timers/promises';
import { StageFailed, TrainRequested } from '@anneal/contracts';
import type { EncodedEvent } from '@anneal/messaging';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, TestDatabase } from './jobs.fixture.js';
import { OutboxRelay } from './outbox-relay.js';
import { Outbox } from './outbox.js';
import type { StreamState } from './relay-options.js';

/** A stream that recognises copies, and that the test wipes or rolls back. */
class Stream {
  messages: { sequence: number; id: string }[] = [];
  created: string | undefined = 'first';
  last = 0;
  onPublish: (() => void) | undefined;

  readonly publish = async ({ headers }: EncodedEvent): Promise<{ streamSequence: number; duplicate: boolean }> => {
    if (this.created === undefined) throw new Error('no stream');
    this.onPublish?.();
    return this.store(headers['Nats-Msg-Id'] ?? '');
  };

  readonly state = async (): Promise<StreamState | undefined> =>
    this.created === undefined ? undefined : { created: this.created, lastSequence: this.last };

  store(id: string): { streamSequence: number; duplicate: boolean } {
    const known = this.messages.find((message) => message.id === id);
    if (known) return { streamSequence: known.sequence, duplicate: true };
    this.messages.push({ sequence: (this.last += 1), id });
    return { streamSequence: this.last, duplicate: false };
  }

  get ids(): string[] {
    return this.messages.map(({ id }) => id);
  }

  rollBack(last: number): void {
    this.messages = this.messages.filter(({ sequence }) => sequence <= last);
    this.last = last;
  }

  /** As after the loss of a disk: nothing is there until it is created again. */
  lose(): void {
    this.rollBack(0);
    this.created = undefined;
  }
}

describe('OutboxRelay and a broker that loses its store', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let stream: Stream;
  let relay: OutboxRelay;
  const outbox = new Outbox('trainer');

  beforeAll(async () => {
    database = await TestDatabase.create();
    dataSource = await database.open();
  });
  beforeEach(async () => {
    stream = new Stream();
    await startRelay();
  });
  afterEach(async () => {
    await relay.stop();
    await dataSource.query('TRUNCATE outbox, stream_mark, inbox, event_trouble, dead_letter');
  });
  afterAll(() => database.drop());

  async function startRelay(lookMs = 60_000): Promise<void> {
    const url = database.url('trainer');
    relay = new OutboxRelay({ dataSource, url, publish: stream.publish, streamState: stream.state, lookMs });
    await relay.start();
  }

  async function say(count: number): Promise<string[]> {
    const failure = { code: 'KILLED', message: 'It was killed.', remedy: 'Look.', retryable: true } as const;
    const data = { runId: 'run-1', stage: 'trainer', attempts: 1, failure } as const;
    const ids: string[] = [];
    for (let n = 0; n < count; n += 1) {
      ids.push(await dataSource.transaction((tx) => outbox.add(tx, StageFailed, data, { runId: 'run-1' })));
    }
    return ids;
  }

  async function published(): Promise<void> {
    await eventually(async () => expect(await relay.pending()).toBe(0));
  }

  async function saidAndStored(count: number): Promise<string[]> {
    const ids = await say(count);
    await published();
    return ids;
  }

  it('says everything again, in order, once the stream is there again', async () => {
    const said = await saidAndStored(5);
    stream.lose();
    relay.brokerChanged();
    const later = await say(1);
    await delay(300);
    expect(stream.ids).toEqual([]);
    stream.created = 'second';
    relay.brokerChanged();
    await eventually(() => expect(stream.ids).toEqual([...said, ...later]));
    await published();
    const rows = await dataSource.query<{ stream_seq: string }[]>('SELECT stream_seq FROM outbox ORDER BY seq');
    expect(rows.map(({ stream_seq }) => Number(stream_seq))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('notices without a hint, at its next look', async () => {
    await relay.stop();
    await startRelay(200);
    const said = await saidAndStored(3);
    stream.lose();
    stream.created = 'second';
    await eventually(() => expect(stream.ids).toEqual(said));
  });

  it('notices at its start', async () => {
    const said = await saidAndStored(3);
    await relay.stop();
    stream.lose();
    stream.created = 'second';
    await startRelay();
    await eventually(() => expect(stream.ids).toEqual(said));
  });

  it('says again what a stream that went back no longer has, and no more', async () => {
    const said = await saidAndStored(5);
    stream.rollBack(3);
    relay.brokerChanged();
    await eventually(() => expect(stream.ids).toEqual(said));
    await published();
    expect(stream.messages).toHaveLength(5);
  });

  it('notices a stream that went back even when others have said more since', async () => {
    const said = await saidAndStored(5);
    stream.rollBack(2);
    for (let n = 0; n < 10; n += 1) stream.store(`other-${n}`);
    relay.brokerChanged();
    await eventually(() => expect(new Set(stream.ids)).toEqual(new Set([...said, ...others(10)])));
    await published();
    expect(stream.messages).toHaveLength(15);
  });

  it('does not trust the answer of a broker that changed meanwhile', async () => {
    const said = await saidAndStored(5);
    stream.onPublish = () => {
      stream.onPublish = undefined;
      stream.rollBack(3);
      relay.brokerChanged();
    };
    const [last = ''] = await say(1);
    await eventually(() => expect(new Set(stream.ids)).toEqual(new Set([...said, last])));
    await published();
    expect(stream.messages).toHaveLength(6);
  });

  it('says nothing again when nothing is lost', async () => {
    const said = await saidAndStored(3);
    relay.brokerChanged();
    const more = await saidAndStored(1);
    expect(stream.ids).toEqual([...said, ...more]);
    const rows = await dataSource.query<{ attempts: number }[]>('SELECT attempts FROM outbox');
    expect(rows.every(({ attempts }) => attempts === 1)).toBe(true);
  });

  it('leaves what is older than the stream keeps events', async () => {
    const [old = '', ...rest] = await saidAndStored(3);
    await dataSource.query(`UPDATE outbox SET created_at = now() - interval '31 days' WHERE id = $1`, [old]);
    stream.lose();
    stream.created = 'second';
    relay.brokerChanged();
    await eventually(() => expect(stream.ids).toEqual(rest));
    relay.brokerChanged();
    await delay(300);
    expect(stream.ids).toEqual(rest);
    expect(await relay.pending()).toBe(0);
  });

  it('says an adopted event again under the id of its sender, and only then', async () => {
    const [before = ''] = await saidAndStored(1);
    const { streamSequence } = stream.store('a place in the stream, no id');
    const spec = {
      id: 'run-7',
      model: { base: 'google/gemma-2-2b' },
      dataset: { source: 'nvidia/AceReason-Math' },
      training: { method: 'lora' },
    };
    const adopted = { id: 'anneal-2-x', source: '/a/friend', time: '2026-01-01T00:00:00Z', runId: 'run-7' };
    for (const _ of ['once', 'and its copy']) {
      await dataSource.transaction((tx) =>
        outbox.adopt(tx, TrainRequested, TrainRequested.data.parse(spec), { ...adopted, streamSequence }),
      );
    }
    relay.brokerChanged();
    await delay(300);
    expect(stream.messages).toHaveLength(2);
    stream.lose();
    stream.created = 'second';
    relay.brokerChanged();
    await eventually(() => expect(stream.ids).toEqual([before, 'anneal-2-x']));
    const rows = await dataSource.query<{ headers: Record<string, string> }[]>(
      `SELECT headers FROM outbox WHERE id = 'anneal-2-x'`,
    );
    expect(rows).toMatchObject([
      { headers: { 'ce-id': 'anneal-2-x', 'ce-subject': 'run-7', 'ce-source': '/a/friend' } },
    ]);
  });

  it('deletes what nobody can ask for any more, and nothing else', async () => {
    await saidAndStored(2);
    await relay.stop();
    await dataSource.query(`UPDATE outbox SET created_at = now() - interval '38 days'`);
    await dataSource.query(
      `UPDATE outbox SET published_at = NULL, stream_seq = NULL WHERE seq = (SELECT max(seq) FROM outbox)`,
    );
    await dataSource.query(
      `INSERT INTO inbox VALUES ('trainer', 'old', now() - interval '38 days'), ('trainer', 'new', now())`,
    );
    await dataSource.query(`INSERT INTO event_trouble VALUES ('old', 1, 0, 1, now() - interval '38 days')`);
    await dataSource.query(
      `INSERT INTO dead_letter VALUES (gen_random_uuid(), 's', 1, 'old', 'r', '{}', '', 1, now() - interval '380 days')`,
    );
    await startRelay();
    await eventually(async () =>
      expect(await dataSource.query('SELECT event_id FROM inbox')).toEqual([{ event_id: 'new' }]),
    );
    await eventually(async () => expect(await count('event_trouble')).toBe(0));
    expect(await count('dead_letter')).toBe(1);
    // The one that was not published yet was so before it went.
    expect(stream.ids).toHaveLength(2);
  });

  const others = (count: number): string[] => Array.from({ length: count }, (_, n) => `other-${n}`);

  async function count(table: string): Promise<number> {
    const rows = await dataSource.query<{ count: string }[]>(`SELECT count(*) FROM ${table}`);
    return Number(rows[0]?.count);
  }
});
