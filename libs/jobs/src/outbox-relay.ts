import { setTimeout as delay } from 'node:timers/promises';
import type { EncodedEvent } from '@anneal/messaging';
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { Bell } from './bell.js';
import { schemaOf } from './database.js';
import { DatabaseListener } from './listener.js';
import { silentLog, type Log } from './log.js';

/** Publishes one event; resolves when the broker has stored it. It has a time-out of its own: it never hangs. */
export type PublishEvent = (event: EncodedEvent) => Promise<{ streamSequence: number }>;

export interface OutboxRelayOptions {
  readonly dataSource: DataSource;
  /** For the relay's own connection. */
  readonly url: string;
  readonly publish: PublishEvent;
  readonly log?: Log;
}

const pollMs = 1_000;
const batch = 50;
const slowestRetryMs = 5_000;
const lastRoundMs = 5_000;

const pendingRows = z.array(
  z.object({ id: z.string(), subject: z.string(), headers: z.record(z.string(), z.string()), payload: z.string() }),
);
const locked = z.tuple([z.object({ locked: z.boolean() })]);
const counted = z.tuple([z.object({ count: z.coerce.number() })]);

class NotPublished extends Error {}

/**
 * Publishes what the outbox holds, in the order in which it was written.
 *
 * One relay per schema does so at a time. It holds an advisory lock, not row locks: a transaction that stays open while
 * the broker is slow or away would hold back vacuum for the whole database, and SKIP LOCKED with two relays would lose
 * the order. The lock belongs to the session that reads and marks the rows; when that session is gone, so are the lock
 * and the means to go on. An event that was published but not marked is published again by the next relay under the
 * same Nats-Msg-Id, which the broker and every inbox recognise.
 */
export class OutboxRelay {
  private readonly log: Log;
  private readonly bell = new Bell();
  private readonly stopBell = new Bell();
  private readonly listener: DatabaseListener;
  private holder: pg.Client | undefined;
  private loop: Promise<void> | undefined;
  private stopping = false;
  private failures = 0;

  constructor(private readonly options: OutboxRelayOptions) {
    this.log = options.log ?? silentLog;
    const schema = schemaOf(options.dataSource);
    this.listener = new DatabaseListener({
      url: options.url,
      schema,
      channel: `anneal_outbox_${schema}`,
      onWord: () => this.bell.ring(),
      log: this.log,
    });
  }

  /** Starts publishing. It does not wait for the database or the broker: both may come later. */
  async start(): Promise<void> {
    if (this.loop) return;
    this.stopping = false;
    this.listener.start();
    this.loop = this.run();
  }

  /** Publishes what is written, for some seconds at most, and ends. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.bell.ring();
    this.stopBell.ring();
    const timer = new AbortController();
    await Promise.race([this.loop, delay(lastRoundMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    await this.listener.stop();
    this.loop = undefined;
  }

  /** How many events are written and not yet published. */
  async pending(): Promise<number> {
    const rows = await this.options.dataSource.query<unknown>('SELECT count(*) FROM outbox WHERE published_at IS NULL');
    return counted.parse(rows)[0].count;
  }

  private async run(): Promise<void> {
    for (let last = false; !last;) {
      last = this.stopping;
      await this.round();
      if (last) return;
      // After a failure neither a new event nor a reconnect cuts the pause short: the broker is away for them, too.
      if (this.failures > 0) await this.stopBell.wait(Math.min(slowestRetryMs, 100 * 2 ** this.failures));
      else await this.bell.wait(pollMs);
    }
  }

  private async round(): Promise<void> {
    const { session } = this.listener;
    if (!session) return;
    try {
      if (await this.holdsLock(session)) while (await this.publishBatch(session));
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      // Only a new session tells a server that is gone from one that is slow; the lock goes with the old one.
      if (!(error instanceof NotPublished))
        this.listener.reconnect(session, error instanceof Error ? error : new Error(String(error)));
      this.log.warn({ err: error, failures: this.failures }, 'the outbox could not be published; it is tried again');
    }
  }

  /** Whether this relay is the one that publishes; otherwise another one does. */
  private async holdsLock(session: pg.Client): Promise<boolean> {
    if (session === this.holder) return true;
    const { rows } = await session.query<Record<string, unknown>>(
      `SELECT pg_try_advisory_lock(hashtextextended('anneal:relay:' || current_schema(), 0)) AS locked`,
    );
    if (!locked.parse(rows)[0].locked) return false;
    this.holder = session;
    return true;
  }

  /** @returns whether there may be more */
  private async publishBatch(session: pg.Client): Promise<boolean> {
    const { rows } = await session.query<Record<string, unknown>>(
      `SELECT id, subject, headers, payload FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT ${batch}`,
    );
    const events = pendingRows.parse(rows);
    for (const { id, ...event } of events) {
      let streamSequence: number;
      try {
        ({ streamSequence } = await this.options.publish(event));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await session.query('UPDATE outbox SET attempts = attempts + 1, last_error = $2 WHERE id = $1', [id, reason]);
        // Those behind it wait: a later event must not overtake it.
        throw new NotPublished(`The broker did not take event ${id}: ${reason}`, { cause: error });
      }
      await session.query(
        'UPDATE outbox SET published_at = now(), stream_seq = $2, attempts = attempts + 1, last_error = NULL WHERE id = $1',
        [id, streamSequence],
      );
    }
    return events.length === batch;
  }
}
