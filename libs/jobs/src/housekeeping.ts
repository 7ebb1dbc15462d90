import { eventLifeMs } from '@anneal/messaging';
import type pg from 'pg';

// A week more than the stream keeps an event: a copy that is on its way has to be recognised.
const keepMs = eventLifeMs + 7 * 24 * 3600 * 1000;
const batch = 1_000;
const restMs = 3_600_000;
const betweenBatchesMs = 15_000;

const old = (time: string): string => `${time} < now() - make_interval(secs => $1)`;
const statements = [
  ['inbox', old('received_at')],
  ['outbox', `published_at IS NOT NULL AND ${old('created_at')}`],
  ['event_trouble', old('changed_at')],
].map(
  ([table, condition]) =>
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${batch}))`,
);

/** Deletes, a little at a time, what nobody can ask for any more. Dead letters stay: they are an operator's. */
export class Housekeeping {
  private nextAt = 0;

  async sweepWhenDue(session: pg.Client): Promise<void> {
    if (performance.now() < this.nextAt) return;
    let more = false;
    for (const statement of statements) {
      const { rowCount } = await session.query(statement, [keepMs / 1000]);
      more ||= rowCount === batch;
    }
    this.nextAt = performance.now() + (more ? betweenBatchesMs : restMs);
  }
}
