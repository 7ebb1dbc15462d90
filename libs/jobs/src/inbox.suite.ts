import type { ReceivedEvent } from '@anneal/contracts';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it, describe } from 'vitest';
import { Inbox } from './inbox.js';
import { TestDatabase } from './jobs.fixture.js';

describe('Inbox', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await TestDatabase.create();
    dataSource = await database.open();
  });
  afterAll(() => database.drop());

  const event = (id: string): ReceivedEvent => ({
    id,
    source: 'anneal/gateway',
    type: 'anneal.run.failed.v1',
    time: new Date(0).toISOString(),
    runId: 'run-1',
    causationId: undefined,
    data: {},
  });

  it('acts once when copies arrive at the same time', async () => {
    const inbox = new Inbox(dataSource, 'trainer');
    let acted = 0;
    const taken = await Promise.all(
      Array.from({ length: 8 }, () =>
        inbox.take(event('copies'), async (tx) => {
          acted += 1;
          await tx.query('SELECT pg_sleep(0.05)');
        }),
      ),
    );
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(acted).toBe(1);
  });

  it('takes an event again when acting on it failed', async () => {
    const inbox = new Inbox(dataSource, 'trainer');
    const broken = inbox.take(event('broken'), async () => {
      throw new Error('no');
    });
    await expect(broken).rejects.toThrow('no');
    expect(await inbox.take(event('broken'), async () => undefined)).toBe(true);
    expect(await inbox.take(event('broken'), async () => undefined)).toBe(false);
  });

  it('keeps consumers apart', async () => {
    expect(await new Inbox(dataSource, 'one').take(event('shared'), async () => undefined)).toBe(true);
    expect(await new Inbox(dataSource, 'two').take(event('shared'), async () => undefined)).toBe(true);
  });
});
