import type { EncodedEvent } from '@anneal/messaging';
import type { DataSource } from 'typeorm';
import type { Log } from './log.js';

/**
 * Publishes one event; resolves when the broker has stored it, and says whether it had it already. It has a time-out of
 * its own: it never hangs.
 */
export type PublishEvent = (event: EncodedEvent) => Promise<{ streamSequence: number; duplicate?: boolean }>;

/** What tells a stream that lost its store from one that went on. */
export interface StreamState {
  /** When the broker created the stream, in its own words. */
  readonly created: string;
  readonly lastSequence: number;
}

export interface OutboxRelayOptions {
  readonly dataSource: DataSource;
  /** For the relay's own connection. */
  readonly url: string;
  readonly publish: PublishEvent;
  /**
   * Asks the broker for its stream; undefined while there is none, which is waited for. Without it a loss is not noticed.
   */
  readonly streamState?: () => Promise<StreamState | undefined>;
  /** How often the stream is looked at when nothing hints at a loss; 15000 when left out. */
  readonly lookMs?: number;
  readonly log?: Log;
}
