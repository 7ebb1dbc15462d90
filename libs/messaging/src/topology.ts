import { eventList, serviceNames, subjectsOf, type ServiceName } from '@anneal/contracts';
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  PersistMode,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { brokerFailure } from './broker-failure.js';

const secondMs = 1000;
const hourMs = 3600 * secondMs;
const dayMs = 24 * hourMs;

/**
 * How long a consumer may hold a message before it is delivered again, milliseconds. Handlers take milliseconds, and show
 * themselves three times in this span when they take longer: what a killed process held is soon another's.
 */
export const ackWaitMs = 3 * secondMs;
/** How long an event stays in the durable stream, milliseconds. */
export const eventLifeMs = 30 * dayMs;
/** Headers and payload of one durable event, bytes. */
export const maxEventBytes = 256 * 1024;

type StreamDeclaration = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects'>;

/** Every durable event. Limits, not interest: events may be said before their reader exists, and can be read again. */
export const durableStream = {
  name: 'ANNEAL',
  description: 'Every durable event of every run.',
  subjects: eventList.flatMap(subjectsOf),
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_age: nanos(eventLifeMs),
  max_msg_size: maxEventBytes,
  duplicate_window: nanos(hourMs),
  allow_direct: true,
  deny_delete: true,
  deny_purge: true,
} satisfies StreamDeclaration;

/**
 * Progress: many, cheap, gone after a day. In a file, though written without waiting: a stream in memory, its declaration
 * included, is gone after every restart of a single server, and only an administrator could create it again.
 */
export const progressStream = {
  name: 'ANNEAL_PROGRESS',
  description: 'Progress of running stages; may be lost.',
  subjects: ['anneal.progress.>'],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  persist_mode: PersistMode.Async,
  discard: DiscardPolicy.Old,
  max_age: nanos(dayMs),
  max_msgs_per_subject: 1000,
  // Bounded by a count: max_bytes would be reserved at creation and fail on a small server.
  max_msgs: 200_000,
  allow_direct: true,
} satisfies StreamDeclaration;

/** The subjects that a service listens to, from the declarations of the events. */
export function subjectsFor(service: ServiceName): string[] {
  return eventList.filter((event) => event.consumers.includes(service)).flatMap(subjectsOf);
}

/** The durable consumer of a service; it is named as the service. */
export function consumerOf(service: ServiceName): Partial<ConsumerConfig> & { durable_name: string } {
  return {
    durable_name: service,
    description: `What ${service} listens to.`,
    filter_subjects: subjectsFor(service),
    ack_policy: AckPolicy.Explicit,
    // `backoff` stays empty: it would override ack_wait, and it does not apply to a nak.
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    deliver_policy: DeliverPolicy.All,
  };
}

export interface TopologyOptions {
  /** Copies of the durable stream; 3 on a cluster. As it is, or 1, when left out. */
  readonly replicas?: number;
}

/**
 * Creates or updates streams and consumers; running it again changes nothing. Needs a user with all rights on
 * JetStream.
 *
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED
 */
export async function migrateTopology(nc: NatsConnection, options: TopologyOptions = {}): Promise<void> {
  try {
    const manager = await jetstreamManager(nc);
    await putStream(manager, durableStream, options.replicas);
    // The server refuses copies of a stream that is written without waiting, and progress may be lost.
    await putStream(manager, progressStream);
    for (const service of serviceNames) await putConsumer(manager, service);
  } catch (error) {
    throw brokerFailure(error, 'creating streams and consumers');
  }
}

async function putStream(manager: JetStreamManager, stream: StreamDeclaration, replicas?: number): Promise<void> {
  const exists = await found(() => manager.streams.info(stream.name));
  if (exists) {
    await manager.streams.update(stream.name, {
      ...stream,
      ...(replicas === undefined ? {} : { num_replicas: replicas }),
    });
  } else {
    await manager.streams.add({ ...stream, num_replicas: replicas ?? 1 });
  }
}

async function putConsumer(manager: JetStreamManager, service: ServiceName): Promise<void> {
  const consumer = consumerOf(service);
  const exists = await found(() => manager.consumers.info(durableStream.name, service));
  if (exists) {
    await manager.consumers.update(durableStream.name, service, consumer);
  } else {
    await manager.consumers.add(durableStream.name, consumer);
  }
}

async function found(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Whether the server says that a stream or a consumer does not exist. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamNotFound || error.code === JetStreamApiCodes.ConsumerNotFound)
  );
}

export interface DurableStreamState {
  readonly created: string;
  readonly lastSequence: number;
}

/**
 * When the durable stream was created and how far it has got: one or both go back when the broker lost its store.
 * Undefined as long as the stream was not created yet.
 *
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED
 */
export async function durableStreamState(nc: NatsConnection): Promise<DurableStreamState | undefined> {
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    const { created, state } = await manager.streams.info(durableStream.name);
    return { created, lastSequence: state.last_seq };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw brokerFailure(error, `asking for the state of the stream ${durableStream.name}`);
  }
}
