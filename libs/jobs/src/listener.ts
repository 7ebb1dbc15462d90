import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { keepAlive, sessionSettings } from './database.js';
import type { Log } from './log.js';

export interface ListenerOptions {
  readonly url: string;
  readonly schema: string;
  readonly channel: string;
  /** What was said; undefined after a connect, when words may have been missed. */
  readonly onWord: (payload: string | undefined) => void;
  readonly log: Log;
}

const slowestReconnectMs = 5_000;

/**
 * A connection of its own that listens, since a pooled one is handed to somebody else after each query. It comes back
 * when the server does. What it hears is a hint: whoever uses it looks by itself from time to time.
 */
export class DatabaseListener {
  private client: pg.Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private drop: ((error?: Error) => void) | undefined;
  private failures = 0;
  private stopped = true;

  constructor(private readonly options: ListenerOptions) {}

  /** The session while it lives. */
  get session(): pg.Client | undefined {
    return this.client;
  }

  /** Gives the session up, since it no longer answers, and connects anew. */
  reconnect(session: pg.Client, reason: Error): void {
    if (session === this.client) this.drop?.(reason);
  }

  start(): void {
    this.stopped = false;
    void this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const client = this.client;
    this.client = undefined;
    // A server that no longer answers does not answer the farewell either.
    if (client) await Promise.race([client.end().catch(() => undefined), delay(1_000)]);
  }

  private async connect(): Promise<void> {
    const { url, schema, channel, log } = this.options;
    const client = new pg.Client({
      connectionString: url,
      ...sessionSettings(schema),
      application_name: `anneal-${schema}-listen`,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      ...keepAlive,
    });
    // Both come in when a backend dies, in either order; only the first one counts.
    let lost = false;
    const lose = (error?: Error): void => {
      if (lost) return;
      lost = true;
      if (this.client === client) this.client = undefined;
      client.end().catch(() => undefined);
      if (this.stopped) return;
      log.warn({ err: error, channel }, 'the listening database connection was lost');
      const pauseMs = Math.min(slowestReconnectMs, 100 * 2 ** this.failures);
      this.failures += 1;
      this.timer = setTimeout(() => void this.connect(), pauseMs);
    };
    this.drop = lose;
    client.on('error', lose);
    client.on('end', () => lose());
    client.on('notification', ({ payload }) => this.options.onWord(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
    } catch (error) {
      lose(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (lost) return;
    if (this.stopped) {
      lost = true;
      await client.end().catch(() => undefined);
      return;
    }
    this.failures = 0;
    this.client = client;
    this.options.onWord(undefined);
  }
}
