import type { ReceivedEvent } from '@anneal/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import { transaction } from './database.js';

const inserted = z.array(z.object({ event_id: z.string() }));

/** Remembers which events a consumer has taken: delivered twice, an event is acted upon once. */
export class Inbox {
  constructor(
    private readonly dataSource: DataSource,
    private readonly consumer: string,
  ) {}

  /**
   * Acts on an event in the transaction that remembers it. A copy that arrives at the same time waits here for the
   * first one to commit, and acts itself only when the first one failed.
   *
   * @param act changes the database and nothing else
   * @returns whether the event was new
   */
  async take(event: ReceivedEvent, act: (tx: EntityManager) => Promise<void>): Promise<boolean> {
    return transaction(this.dataSource, async (tx) => {
      const rows = inserted.parse(
        await tx.query<unknown>(
          'INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id',
          [this.consumer, event.id],
        ),
      );
      if (rows.length === 0) return false;
      await act(tx);
      return true;
    });
  }
}
