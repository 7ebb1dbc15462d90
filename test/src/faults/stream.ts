import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

export interface StoredEvent {
  readonly sequence: number;
  readonly subject: string;
  /** CloudEvents id; the Nats-Msg-Id of a bare request. */
  readonly id: string;
  readonly source: string;
  /** The run; that of a bare request stands in its data. */
  readonly run: string;
  readonly text: string;
  readonly headers: Record<string, string>;
}

const streamName = 'ANNEAL';

/** The whole stream of durable events, read without any code of the services. */
export async function readStream(nats: NatsConnection): Promise<StoredEvent[]> {
  const manager = await jetstreamManager(nats);
  const { state } = await manager.streams.info(streamName);
  const events: StoredEvent[] = [];
  for (let sequence = Math.max(1, state.first_seq); sequence <= state.last_seq; sequence += 1) {
    const message = await manager.streams.getMessage(streamName, { seq: sequence }).catch(() => null);
    if (!message) continue;
    const text = new TextDecoder().decode(message.data);
    const fields = Object.fromEntries(message.header.keys().map((key) => [key, message.header.get(key)]));
    events.push({
      sequence,
      subject: message.subject,
      id: message.header.get('ce-id') || message.header.get('Nats-Msg-Id'),
      source: message.header.get('ce-source'),
      run: message.header.get('ce-subject') || requestedRun(text),
      text,
      headers: fields,
    });
  }
  return events;
}

/** What every durable consumer has still before it. */
export async function consumerBacklog(
  nats: NatsConnection,
): Promise<{ name: string; pending: number; unacked: number }[]> {
  const manager = await jetstreamManager(nats);
  const found: { name: string; pending: number; unacked: number }[] = [];
  for await (const { name, num_pending: pending, num_ack_pending: unacked } of manager.consumers.list(streamName)) {
    found.push({ name, pending, unacked });
  }
  return found;
}

function requestedRun(text: string): string {
  try {
    const { id } = JSON.parse(text) as { id?: unknown };
    return typeof id === 'string' ? id : '';
  } catch {
    return '';
  }
}
