import type pg from 'pg';
import { eventLifeMs } from '@anneal/messaging';
import { z } from 'zod';
import { pendingRow } from './outbox-rows.js';
import type { Log } from './log.js';
import type { OutboxRelayOptions, StreamState } from './relay-options.js';

/** The broker did not do what was asked of it. */
export class BrokerAway extends Error {}

const defaultLookMs = 15_000;
// The broker recognises a copy within an hour; the rest is for clocks that differ.
const probeMinutes = 50;
// A wiped broker means one statement over all that was said in a month.
const longStatementMs = 600_000;

const marks = z.array(z.object({ created: z.string(), last_seq: z.coerce.number() }));
const highest = z.tuple([z.object({ highest: z.coerce.number().nullable() })]);

/**
 * Notices that the broker lost events, and marks those of this outbox as not published.
 *
 * It compares the stream with the furthest that it is known to have got. Before anything is published after a
 * reconnect: other services publish again as well, and their events may hide that the stream went back. For the same
 * reason the newest event is then offered again, which a stream that still has it recognises.
 */
export class StreamWatch {
  private lookedAt = Number.NEGATIVE_INFINITY;
  private doubts = 1;
  private settledDoubts = 0;

  constructor(
    private readonly options: Pick<OutboxRelayOptions, 'streamState' | 'publish' | 'lookMs'>,
    private readonly log: Log,
  ) {}

  /** What was known of the broker may no longer hold. */
  doubt(): void {
    this.doubts += 1;
  }

  /** Changes with every doubt: an answer counts only when there was none while it was under way. */
  get epoch(): number {
    return this.doubts;
  }

  /** @throws BrokerAway, also as long as the broker has no stream */
  async lookWhenDue(session: pg.Client): Promise<void> {
    const { streamState, lookMs = defaultLookMs } = this.options;
    const doubts = this.doubts;
    const doubted = doubts !== this.settledDoubts;
    if (!streamState || (!doubted && performance.now() - this.lookedAt < lookMs)) return;
    const state = await fromBroker('say how far its stream has got', streamState);
    if (!state) throw new BrokerAway('The broker has no stream for events; it is waited for.');
    const lost = await this.compare(session, state, false);
    // Only when nothing else shows: the newest event would come before the others that are said again.
    if (!lost && doubted && (await this.lostTheNewest(session))) await this.compare(session, state, true);
    this.lookedAt = performance.now();
    this.settledDoubts = doubts;
  }

  private async lostTheNewest(session: pg.Client): Promise<boolean> {
    // Adopted events were never tried here: under which id the stream got them, if any, is not known.
    const { rows } = await session.query<Record<string, unknown>>(
      `SELECT id, subject, headers, payload FROM outbox
        WHERE stream_seq IS NOT NULL AND attempts > 0 AND published_at > now() - make_interval(mins => $1)
        ORDER BY stream_seq DESC LIMIT 1`,
      [probeMinutes],
    );
    const newest = z.array(pendingRow).parse(rows)[0];
    if (!newest) return false;
    const { id: _id, ...event } = newest;
    const { duplicate } = await fromBroker('take its newest event again', () => this.options.publish(event));
    return duplicate === false;
  }

  /** @returns whether events were lost */
  private async compare(session: pg.Client, state: StreamState, newestLost: boolean): Promise<boolean> {
    await session.query('BEGIN');
    try {
      const [mark] = marks.parse((await session.query('SELECT created, last_seq FROM stream_mark FOR UPDATE')).rows);
      const own = highest.parse((await session.query('SELECT max(stream_seq) AS highest FROM outbox')).rows);
      const known = Math.max(mark?.last_seq ?? 0, own[0].highest ?? 0);
      const wiped = mark !== undefined && mark.created !== state.created;
      const lost = wiped || newestLost || state.lastSequence < known;
      if (lost) {
        // What was said since the stream went back may have taken the places of what it lost, so the last hour is
        // offered again as a whole: the stream recognises what it still has.
        const again = await sayAgain(session, wiped ? 0 : state.lastSequence);
        this.log.warn({ known, ...state, wiped, again }, 'the broker lost events; those of the outbox are said again');
      }
      await session.query(
        `INSERT INTO stream_mark (created, last_seq) VALUES ($1, $2)
         ON CONFLICT (only_one) DO UPDATE SET created = EXCLUDED.created, last_seq = EXCLUDED.last_seq, changed_at = now()
           WHERE (stream_mark.created, stream_mark.last_seq) <> (EXCLUDED.created, EXCLUDED.last_seq)`,
        [state.created, state.lastSequence],
      );
      await session.query('COMMIT');
      return lost;
    } catch (error) {
      await session.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

/** What is older than the stream keeps it only loses its place there. @returns how many events are said again */
async function sayAgain(session: pg.Client, after: number): Promise<number> {
  const statement = {
    text: `UPDATE outbox
              SET stream_seq = NULL,
                  published_at = CASE WHEN created_at > now() - make_interval(secs => $2) THEN NULL ELSE published_at END
            WHERE stream_seq > $1 OR published_at > now() - make_interval(mins => $3)
           RETURNING published_at IS NULL AS again`,
    values: [after, eventLifeMs / 1000, probeMinutes],
    // Known to node-postgres, though not to its types.
    query_timeout: longStatementMs,
  };
  const { rows } = await session.query<{ again: boolean }>(statement);
  return rows.filter(({ again }) => again).length;
}

/** Tells a broker that is away from a database that is. */
export async function fromBroker<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BrokerAway(`The broker did not ${what}: ${reason}`, { cause });
  }
}
