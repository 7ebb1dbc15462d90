import { randomUUID } from 'node:crypto';
import type { DeadLetterBox, DeadMessage, DeliveredEvent } from '@anneal/messaging';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import { transaction } from './database.js';

const counted = z.tuple([z.object({ count: z.number() })]);

/** Keeps in the service's own schema what its transport gives up, and what trouble it has with an event. */
export class DeadLetterTable implements DeadLetterBox {
  /** Handlers that ended, though the database was away when that was to be written down. */
  private readonly ended = new Set<string>();

  constructor(private readonly dataSource: DataSource) {}

  async setAside(message: DeadMessage): Promise<void> {
    const { eventId, streamSequence, subject, reason, bytes, deliveries } = message;
    await transaction(this.dataSource, async (tx) => {
      await tx.query(
        `INSERT INTO dead_letter (id, subject, stream_seq, event_id, reason, headers, bytes, deliveries)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (event_id, stream_seq) DO NOTHING`,
        [
          randomUUID(),
          subject,
          streamSequence,
          eventId,
          storable(reason),
          JSON.stringify(storableHeaders(message.headers)),
          Buffer.from(bytes),
          deliveries,
        ],
      );
      await forget(tx, message);
    });
  }

  async begun(event: DeliveredEvent): Promise<number> {
    const anew = this.ended.has(keyOf(event));
    const count = await this.count(event, {
      inserted: [1, 0],
      updated: anew ? 'starts = 1' : 'starts = event_trouble.starts + 1',
      returned: 'starts',
    });
    this.ended.delete(keyOf(event));
    return count;
  }

  async failed(event: DeliveredEvent): Promise<number> {
    return this.count(event, {
      inserted: [0, 1],
      updated: 'starts = 0, failures = event_trouble.failures + 1',
      returned: 'failures',
    });
  }

  async done(event: DeliveredEvent): Promise<void> {
    await this.unlessAway(event, () => transaction(this.dataSource, (tx) => forget(tx, event)));
  }

  async interrupted(event: DeliveredEvent): Promise<void> {
    await this.unlessAway(event, async () => {
      await this.dataSource.query('UPDATE event_trouble SET starts = 0 WHERE event_id = $1 AND stream_seq = $2', [
        event.eventId,
        event.streamSequence,
      ]);
    });
  }

  /** How many were set aside and never replayed. */
  async waiting(): Promise<number> {
    const rows = await this.dataSource.query<unknown>(
      'SELECT count(*)::int AS count FROM dead_letter WHERE replayed_at IS NULL',
    );
    return counted.parse(rows)[0].count;
  }

  /** What cannot be written down now is remembered until the next time: an outage is no crash. */
  private async unlessAway(event: DeliveredEvent, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch {
      this.ended.add(keyOf(event));
    }
  }

  // In a transaction of its own: what the handler does next may end the process.
  private async count(
    { eventId, streamSequence }: DeliveredEvent,
    { inserted, updated, returned }: { inserted: [number, number]; updated: string; returned: 'starts' | 'failures' },
  ): Promise<number> {
    return transaction(this.dataSource, async (tx) => {
      const rows = await tx.query<unknown>(
        `INSERT INTO event_trouble (event_id, stream_seq, starts, failures) VALUES ($1, $2, $3, $4)
         ON CONFLICT (event_id, stream_seq) DO UPDATE SET ${updated}, changed_at = now()
         RETURNING ${returned} AS count`,
        [eventId, streamSequence, ...inserted],
      );
      return counted.parse(rows)[0].count;
    });
  }
}

async function forget(tx: EntityManager, { eventId, streamSequence }: DeliveredEvent): Promise<void> {
  await tx.query('DELETE FROM event_trouble WHERE event_id = $1 AND stream_seq = $2', [eventId, streamSequence]);
}

function keyOf({ eventId, streamSequence }: DeliveredEvent): string {
  return `${streamSequence} ${eventId}`;
}

function storableHeaders(headers: Record<string, string[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [storable(name), values.map((value) => storable(value))]),
  );
}

/** PostgreSQL stores neither NUL nor half a surrogate pair; a message that cannot be kept would come back for ever. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
