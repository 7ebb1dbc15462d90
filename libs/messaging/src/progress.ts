import { progress as progressSchema, progressSubject, type Progress } from '@anneal/contracts';
import { DeliverPolicy } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ConnectionWatch } from './connection.js';
import { followStream, type Follower } from './follow.js';
import { parseJson } from './json.js';
import { progressStream } from './topology.js';

/** Says progress: nothing is waited for, nothing is kept, nothing fails. */
export class ProgressPublisher {
  private readonly watch: ConnectionWatch;

  /** @param heard is told of all that is said, also while the broker is away */
  constructor(
    private readonly nc: NatsConnection,
    private readonly heard: (progress: Progress) => void = () => undefined,
  ) {
    this.watch = new ConnectionWatch(nc);
  }

  publish(progress: Progress): void {
    const read = progressSchema.safeParse(progress);
    if (!read.success) return;
    this.heard(read.data);
    // While disconnected the client would keep every publish in memory until the broker is back.
    if (!this.watch.up) return;
    try {
      this.nc.publish(progressSubject(read.data.runId, read.data.stage), JSON.stringify(read.data));
    } catch {
      // The connection closed in between. Progress may be lost.
    }
  }
}

/**
 * Follows the progress of one run from its beginning, or of all runs from where each stage stands. Goes on across
 * reconnects and a lost stream; the same progress may then come again.
 *
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED when it cannot begin
 */
export function followProgress(
  nc: NatsConnection,
  options: { runId?: string },
  onProgress: (progress: Progress) => void,
): Promise<Follower> {
  return followStream(nc, {
    stream: progressStream.name,
    subject: options.runId === undefined ? 'anneal.progress.>' : `anneal.progress.${options.runId}.*`,
    start: { deliver_policy: options.runId === undefined ? DeliverPolicy.LastPerSubject : DeliverPolicy.All },
    onMessage: (message) => {
      const read = progressSchema.safeParse(parseJson(message.data)?.value);
      // Anyone with the right to say progress might say nonsense; it decides nothing, so it is passed over.
      if (read.success && message.subject === progressSubject(read.data.runId, read.data.stage)) onProgress(read.data);
    },
  });
}
