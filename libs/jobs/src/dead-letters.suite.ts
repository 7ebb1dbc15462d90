import type { DeadMessage } from '@anneal/messaging';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DeadLetterTable } from './dead-letter-table.js';
import { dropDeadLetter, findDeadLetter, listDeadLetters, markReplayed, withDatabase } from './dead-letters.js';
import { Gate, TestDatabase } from './jobs.fixture.js';

describe('dead letters', () => {
  let database: TestDatabase;
  let trainer: DataSource;
  let dataset: DataSource;
  beforeAll(async () => {
    database = await TestDatabase.create();
    trainer = await database.open('trainer');
    dataset = await database.open('dataset');
  });
  afterEach(async () => {
    for (const source of [trainer, dataset]) await source.query('TRUNCATE dead_letter, event_trouble');
  });
  afterAll(() => database.drop());

  const message = (eventId: string, more: Partial<DeadMessage> = {}): DeadMessage => ({
    cause: 'unreadable',
    eventId,
    streamSequence: 7,
    subject: 'anneal.run.failed',
    reason: 'it is not JSON',
    headers: { 'ce-id': [eventId], twice: ['a', 'b'] },
    bytes: Buffer.from([0, 255, 10]),
    deliveries: 3,
    ...more,
  });
  const asAdmin = <T>(body: Parameters<typeof withDatabase<T>>[1]) => withDatabase(database.adminUrl, body);

  it('are listed over all services, found, marked and dropped', async () => {
    await new DeadLetterTable(trainer).setAside(message('one'));
    await new DeadLetterTable(dataset).setAside(message('two'));
    await asAdmin(async (client) => {
      const [one, two, ...none] = await listDeadLetters(client);
      expect(none).toEqual([]);
      expect([one?.service, two?.service]).toEqual(['trainer', 'dataset']);
      expect(one).toEqual({
        id: expect.any(String) as string,
        service: 'trainer',
        subject: 'anneal.run.failed',
        streamSequence: 7,
        eventId: 'one',
        reason: 'it is not JSON',
        deliveries: 3,
        setAsideAt: expect.any(Date) as Date,
        replayedAt: undefined,
      });
      expect(await listDeadLetters(client, ['dataset', 'merger'])).toEqual([two]);
      const id = one?.id ?? '';
      expect(await findDeadLetter(client, id)).toEqual({
        ...one,
        headers: { 'ce-id': ['one'], twice: ['a', 'b'] },
        bytes: Buffer.from([0, 255, 10]),
      });
      expect(await markReplayed(client, id)).toBe(true);
      expect((await findDeadLetter(client, id))?.replayedAt).toBeInstanceOf(Date);
      expect(await dropDeadLetter(client, id)).toBe(true);
      expect(await dropDeadLetter(client, id)).toBe(false);
      expect(await findDeadLetter(client, id)).toBeUndefined();
      expect(await findDeadLetter(client, 'no uuid')).toBeUndefined();
      expect(await listDeadLetters(client)).toEqual([two]);
    });
  });

  it('are one when the same message is brought twice, and counted until they are replayed', async () => {
    const table = new DeadLetterTable(trainer);
    await table.setAside(message('one'));
    await table.setAside(message('one', { reason: 'again' }));
    await table.setAside(message('one', { streamSequence: 8 }));
    expect(await table.waiting()).toBe(2);
    await asAdmin(async (client) => {
      const [first] = await listDeadLetters(client);
      expect(first?.reason).toBe('it is not JSON');
      await markReplayed(client, first?.id ?? '');
    });
    expect(await table.waiting()).toBe(1);
  });

  it('are kept whatever their headers and reason hold', async () => {
    await new DeadLetterTable(trainer).setAside(message('odd', { headers: { x: ['a\0b', '\ud800'] }, reason: '\0' }));
    await asAdmin(async (client) => {
      const [odd] = await listDeadLetters(client);
      expect(odd?.reason).toBe('\uFFFD');
      expect((await findDeadLetter(client, odd?.id ?? ''))?.headers).toEqual({ x: ['a\uFFFDb', '\uFFFD'] });
    });
  });

  it('say so when the database is away', async () => {
    const away = withDatabase('postgres://a:b@127.0.0.1:1/c', (client) => listDeadLetters(client));
    await expect(away).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  describe('trouble with an event', () => {
    const event = { eventId: 'e', streamSequence: 1 };

    it('counts beginnings without an end and failures, each of its own', async () => {
      const table = new DeadLetterTable(trainer);
      expect([await table.begun(event), await table.begun(event)]).toEqual([1, 2]);
      expect([await table.failed(event), await table.begun(event), await table.failed(event)]).toEqual([1, 1, 2]);
      await table.begun(event);
      await table.interrupted(event);
      expect([await table.begun(event), await table.failed(event)]).toEqual([1, 3]);
      expect(await table.begun({ ...event, streamSequence: 2 })).toBe(1);
      await table.done(event);
      expect([await table.begun(event), await table.failed(event)]).toEqual([1, 1]);
    });

    it('is forgotten with the dead letter', async () => {
      const table = new DeadLetterTable(trainer);
      await table.failed(event);
      await table.setAside(message('e', event));
      expect(await trainer.query('SELECT FROM event_trouble')).toEqual([]);
    });

    it('does not take an outage for a crash', async () => {
      const gate = new Gate(new URL(database.adminUrl));
      const table = new DeadLetterTable(await database.open('trainer', await gate.listen()));
      await table.begun(event);
      gate.shut();
      await table.interrupted(event);
      await expect(table.begun(event)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      gate.reopen();
      expect([await table.begun(event), await table.begun(event)]).toEqual([1, 2]);
      await gate.close();
    });
  });
});
