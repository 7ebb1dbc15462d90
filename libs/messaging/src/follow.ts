import { setTimeout as pause } from 'node:timers/promises';
import {
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  type Consumer,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { brokerFailure } from './broker-failure.js';
import { decodeEvent, eventIdOfPlace, type DecodedEvent } from './envelope.js';
import { durableStream } from './topology.js';

export interface Follower {
  /** Ends it; nothing is called back afterwards. */
  stop(): Promise<void>;
}

interface FollowOptions {
  readonly stream: string;
  readonly subject: string;
  readonly start: { deliver_policy: DeliverPolicy; opt_start_seq?: number };
  readonly onMessage: (message: JsMsg) => void;
}

/**
 * Reads a stream in order without a durable consumer, from `start` on and for ever: across reconnects, and from the
 * beginning again when the stream was lost and created anew.
 *
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED when it cannot begin
 */
export async function followStream(nc: NatsConnection, options: FollowOptions): Promise<Follower> {
  const reader = new StreamReader(nc, options);
  await reader.begin();
  return reader;
}

/** Follows the durable events from a place in the stream on, the first by default. */
export function followEvents(
  nc: NatsConnection,
  options: { fromSequence?: number },
  onEvent: (decoded: DecodedEvent, streamSequence: number) => void,
): Promise<Follower> {
  return followStream(nc, {
    stream: durableStream.name,
    subject: '>',
    start: { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, options.fromSequence ?? 1) },
    onMessage: (message) => onEvent(decodeEvent(message, eventIdOfPlace(message.seq, message.timestamp)), message.seq),
  });
}

class StreamReader implements Follower {
  private readonly stopping = new AbortController();
  private messages: ConsumerMessages | undefined;
  private seen: { sequence: number; at: number } | undefined;
  private created: string | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly nc: NatsConnection,
    private readonly options: FollowOptions,
  ) {}

  async begin(): Promise<void> {
    try {
      const consumer = await this.open();
      this.running = this.run(consumer);
    } catch (error) {
      throw brokerFailure(error, `reading the stream ${this.options.stream}`);
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.messages?.stop();
    await this.running;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted || this.nc.isClosed();
  }

  private async run(first: Consumer): Promise<void> {
    let consumer: Consumer | undefined = first;
    for (let failures = 0; !this.stopped; failures += 1) {
      try {
        consumer ??= await this.open();
        // By default the client waits silently for a consumer that is gone.
        this.messages = await consumer.consume({ expires: 5000, abort_on_missing_resource: true });
        if (this.stopped) this.messages.stop();
        for await (const message of this.messages) {
          if (this.stopped) break;
          failures = 0;
          this.seen = { sequence: message.seq, at: message.time.getTime() };
          this.options.onMessage(message);
        }
      } catch {
        // Whatever ended it, the next round opens a new consumer behind what was seen.
      }
      // The server would forget it by itself, but only after minutes.
      if (consumer && !this.nc.isClosed()) await consumer.delete().catch(() => false);
      consumer = undefined;
      await pause(Math.min(5000, 100 * 2 ** Math.min(failures, 6)), undefined, { signal: this.stopping.signal }).catch(
        () => undefined,
      );
    }
  }

  private async open(): Promise<Consumer> {
    const { stream, subject, start } = this.options;
    const from = this.seen && !(await this.startedAnew()) ? this.seen.sequence + 1 : undefined;
    return jetstream(this.nc).consumers.get(stream, {
      filter_subjects: subject,
      ...(from !== undefined
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }
        : this.seen
          ? { deliver_policy: DeliverPolicy.All }
          : start),
    });
  }

  /**
   * Whether the stream lost what was seen and counts from 1 again: created anew, or, in memory, emptied by a restart.
   * Asking for "after the last seen" would then wait for that many new messages.
   */
  private async startedAnew(): Promise<boolean> {
    const manager = await jetstreamManager(this.nc, { checkAPI: false });
    const { created, state } = await manager.streams.info(this.options.stream);
    const { seen } = this;
    const recreated = this.created !== undefined && this.created !== created;
    this.created = created;
    if (!seen) return false;
    return (
      recreated ||
      state.last_seq < seen.sequence ||
      // Rounded up, since the times of messages are known in milliseconds only.
      (state.first_seq <= seen.sequence && Date.parse(state.first_ts) > seen.at + 1)
    );
  }
}
