import type pg from 'pg';
import { z } from 'zod';
import type { Log } from './log.js';

const beatMs = 2_000;
// Longer than anything that a living relay waits for between two beats.
const frozenSeconds = 15;

const locked = z.tuple([z.object({ locked: z.boolean() })]);

/**
 * The right to publish for a schema: an advisory lock of the session that reads and marks the rows, so that it is gone
 * with it. A process that is frozen keeps its session, though, and nobody would publish: who waits ends the session of a
 * holder that has not shown itself for long. A holder that wakes up finds its session dead, and can mark nothing.
 */
export class RelaySeat {
  private holder: pg.Client | undefined;
  private beatAt = 0;

  constructor(private readonly log: Log) {}

  /** Whether this session may publish; `taken` when it may only since now. */
  async take(session: pg.Client): Promise<'held' | 'taken' | 'refused'> {
    if (session === this.holder) {
      await this.beat(session);
      return 'held';
    }
    const { rows } = await session.query<Record<string, unknown>>(
      `SELECT pg_try_advisory_lock(hashtextextended('anneal:relay:' || current_schema(), 0)) AS locked`,
    );
    if (!locked.parse(rows)[0].locked) {
      await this.endFrozen(session);
      return 'refused';
    }
    this.holder = session;
    this.beatAt = 0;
    await this.beat(session);
    return 'taken';
  }

  /** Shows that the holder lives; to be called between two events. */
  async beat(session: pg.Client): Promise<void> {
    if (performance.now() - this.beatAt < beatMs) return;
    await session.query(
      `INSERT INTO relay_beat (backend, beat_at) VALUES (pg_backend_pid(), clock_timestamp())
       ON CONFLICT (only_one) DO UPDATE SET backend = EXCLUDED.backend, beat_at = EXCLUDED.beat_at`,
    );
    this.beatAt = performance.now();
  }

  private async endFrozen(session: pg.Client): Promise<void> {
    // One that the server works for is not frozen, however long it takes.
    const { rowCount } = await session.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN relay_beat ON pid = backend
        WHERE usename = current_user AND state <> 'active'
          AND beat_at < clock_timestamp() - make_interval(secs => $1)`,
      [frozenSeconds],
    );
    if (rowCount) this.log.warn({ frozenSeconds }, 'the relay that published has fallen silent; another one goes on');
  }
}
