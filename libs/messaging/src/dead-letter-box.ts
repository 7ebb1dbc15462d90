/** Which delivery it is about: the same event published again is another one. */
export interface DeliveredEvent {
  readonly eventId: string;
  readonly streamSequence: number;
}

/** A message that was given up, as it is to be kept. */
export interface DeadMessage extends DeliveredEvent {
  /** It cannot be read; its handler keeps failing; or the process keeps ending while its handler runs. */
  readonly cause: 'unreadable' | 'failing' | 'crashing';
  readonly subject: string;
  /** One sentence. */
  readonly reason: string;
  readonly headers: Record<string, string[]>;
  readonly bytes: Uint8Array;
  readonly deliveries: number;
}

/** Where the transport keeps what it gives up, and how it remembers trouble across restarts. It may throw: the event comes back. */
export interface DeadLetterBox {
  /** Keeps a message. It is dropped once this has returned; the same one may be brought twice. */
  setAside(message: DeadMessage): Promise<void>;
  /** Counts that a handler is about to run. @returns how often in a row it began without an end, this time included */
  begun(event: DeliveredEvent): Promise<number>;
  /** The handler ended well. */
  done(event: DeliveredEvent): Promise<void>;
  /** The handler threw something that trying again may not mend. @returns how often it did so */
  failed(event: DeliveredEvent): Promise<number>;
  /** The handler threw because something it needs is away. It never throws itself. */
  interrupted(event: DeliveredEvent): Promise<void>;
}
