import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import { Bell } from './bell.js';
import { schemaOf } from './database.js';
import { Housekeeping } from './housekeeping.js';
import { DatabaseListener } from './listener.js';
import { silentLog, type Log } from './log.js';
import { pendingRow } from './outbox-rows.js';
import type { OutboxRelayOptions } from './relay-options.js';
import { RelaySeat } from './relay-seat.js';
import { BrokerAway, fromBroker, StreamWatch } from './stream-watch.js';

const pollMs = 1_000;
const batch = 50;
const slowestRetryMs = 5_000;
const lastRoundMs = 5_000;

const counted = z.tuple([z.object({ count: z.coerce.number() })]);
const aged = z.array(z.object({ seconds: z.number() }));

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
  /** Cuts the pause after a failure short. */
  private readonly pauseBell = new Bell();
  private readonly listener: DatabaseListener;
  private readonly watch: StreamWatch;
  private readonly housekeeping = new Housekeeping();
  private readonly seat: RelaySeat;
  private loop: Promise<void> | undefined;
  private stopping = false;
  private failures = 0;

  constructor(private readonly options: OutboxRelayOptions) {
    this.log = options.log ?? silentLog;
    this.watch = new StreamWatch(options, this.log);
    this.seat = new RelaySeat(this.log);
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
    this.pauseBell.ring();
    const timer = new AbortController();
    await Promise.race([this.loop, delay(lastRoundMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    await this.listener.stop();
    this.loop = undefined;
  }

  /**
   * To be told whenever the connection to the broker is lost or back: nothing more is published before the relay has
   * seen whether the broker still has what it was given.
   */
  brokerChanged(): void {
    this.watch.doubt();
    this.bell.ring();
    this.pauseBell.ring();
  }

  /** How many events are written and not yet published. */
  async pending(): Promise<number> {
    const rows = await this.options.dataSource.query<unknown>('SELECT count(*) FROM outbox WHERE published_at IS NULL');
    return counted.parse(rows)[0].count;
  }

  /** How long the next event to publish has been waiting, in seconds; 0 when none is. */
  async lagSeconds(): Promise<number> {
    const rows = await this.options.dataSource.query<unknown>(
      `SELECT greatest(extract(epoch FROM now() - created_at), 0)::float8 AS seconds
         FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT 1`,
    );
    return aged.parse(rows)[0]?.seconds ?? 0;
  }

  private async run(): Promise<void> {
    for (let last = false; !last;) {
      last = this.stopping;
      await this.round();
      if (last) return;
      // After a failure a new event does not cut the pause short: the broker is away for it, too.
      if (this.failures > 0) await this.pauseBell.wait(Math.min(slowestRetryMs, 100 * 2 ** this.failures));
      else await this.bell.wait(pollMs);
    }
  }

  private async round(): Promise<void> {
    const { session } = this.listener;
    if (!session) return;
    try {
      if (await this.mayPublish(session)) {
        do await this.watch.lookWhenDue(session);
        while (await this.publishBatch(session));
        await this.housekeeping.sweepWhenDue(session);
      }
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      // Only a new session tells a server that is gone from one that is slow; the lock goes with the old one.
      if (!(error instanceof BrokerAway))
        this.listener.reconnect(session, error instanceof Error ? error : new Error(String(error)));
      this.log.warn({ err: error, failures: this.failures }, 'the outbox could not be published; it is tried again');
    }
  }

  /** Whether this relay is the one that publishes; otherwise another one does. */
  private async mayPublish(session: pg.Client): Promise<boolean> {
    const seat = await this.seat.take(session);
    // Another relay may have published meanwhile, or nobody may have looked for long.
    if (seat === 'taken') this.watch.doubt();
    return seat !== 'refused';
  }

  /** @returns whether there may be more */
  private async publishBatch(session: pg.Client): Promise<boolean> {
    const { rows } = await session.query<Record<string, unknown>>(
      `SELECT id, subject, headers, payload FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT ${batch}`,
    );
    const events = z.array(pendingRow).parse(rows);
    const { epoch } = this.watch;
    for (const { id, ...event } of events) {
      await this.seat.beat(session);
      let streamSequence: number;
      try {
        ({ streamSequence } = await fromBroker(`take event ${id}`, () => this.options.publish(event)));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        await session.query('UPDATE outbox SET attempts = attempts + 1, last_error = $2 WHERE id = $1', [id, reason]);
        // Those behind it wait: a later event must not overtake it.
        throw error;
      }
      // The answer may be that of a broker that lost its store meanwhile; published once more, the event is recognised.
      if (epoch !== this.watch.epoch) return true;
      await session.query(
        'UPDATE outbox SET published_at = now(), stream_seq = $2, attempts = attempts + 1, last_error = NULL WHERE id = $1',
        [id, streamSequence],
      );
    }
    return events.length === batch;
  }
}
