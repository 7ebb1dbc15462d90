import { setTimeout as pause } from 'node:timers/promises';
import {
  Failure,
  type EventDefinition,
  type FailureCode,
  type ReceivedEvent,
  type ServiceName,
} from '@anneal/contracts';
import { jetstream, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Tracer } from '@anneal/tracing';
import { BaseRpcContext, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { brokerFailure } from './broker-failure.js';
import { ConnectionWatch } from './connection.js';
import type { DeadLetterBox, DeadMessage, DeliveredEvent } from './dead-letter-box.js';
import { decodeEvent, eventIdOfPlace } from './envelope.js';
import { jetStreamTransport } from './on-event.js';
import { ackWaitMs, durableStream, isMissing } from './topology.js';
import { processing } from './event-trace.js';

export interface JetStreamStrategyOptions {
  readonly connection: NatsConnection;
  /** Whose durable consumer is read. */
  readonly service: ServiceName;
  /** Handlers at a time; 1 keeps events in the order of the stream as long as none is delivered again. */
  readonly concurrency?: number;
  /** Keeps what cannot be read or acted upon; without it such messages are dropped, or come back for ever. */
  readonly deadLetters?: DeadLetterBox;
  /** How often a handler may fail before its event is set aside; 10 when left out. */
  readonly mostFailures?: number;
  readonly log?: { warn(message: string, fields?: object): void };
  /** Records the handling of each event; nothing when left out. */
  readonly tracer?: Tracer;
}

const longestDelayMs = 30_000;
/** How often in a row the process may end in the middle of a handler before its event is set aside. */
const mostCrashes = 5;
const lastFailure = 10;
const awayCodes: ReadonlySet<FailureCode> = new Set([
  'DATABASE_UNAVAILABLE',
  'BROKER_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'HUB_UNAVAILABLE',
]);

/**
 * Nest's transport for durable events: reads the service's own consumer, which must exist, and calls the handlers that
 * OnEvent marks. A message is acknowledged after its handler returned; when it throws, the message comes back.
 */
export class JetStreamStrategy extends Server implements CustomTransportStrategy {
  override readonly transportId = jetStreamTransport;
  override readonly propagatesEventHandlerErrors = true;

  private readonly closing = new AbortController();
  private readonly inFlight = new Set<Promise<void>>();
  private readonly watch: ConnectionWatch;
  private messages: ConsumerMessages | undefined;
  private reading: Promise<void> | undefined;
  private bound = false;

  constructor(private readonly options: JetStreamStrategyOptions) {
    super();
    this.watch = new ConnectionWatch(options.connection);
  }

  /** Whether events reach the handlers right now. */
  isConnected(): boolean {
    return this.bound && this.watch.up;
  }

  override listen(callback: (error?: unknown) => void): void {
    this.start().then(
      () => callback(),
      (error: unknown) => callback(error),
    );
  }

  /** Takes no further message and waits for the handlers that run. */
  override async close(): Promise<void> {
    // What the server has already sent arrives before the subscription ends; else it would wait for its ack_wait.
    await this.flush();
    this.closing.abort();
    this.messages?.stop();
    await this.reading;
    await Promise.all(this.inFlight);
    // Acknowledgements still in the client's buffer would be lost with the connection and their events come again.
    await this.flush();
  }

  /** Nest's own event API has nothing to offer here. */
  override on(): void {}

  override unwrap<T>(): T {
    return this.options.connection as T;
  }

  private async flush(): Promise<void> {
    if (!this.watch.up) return;
    const late = new AbortController();
    const timeout = pause(2000, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.options.connection.flush().catch(() => undefined), timeout]);
    late.abort();
  }

  private async start(): Promise<void> {
    const consumer = await this.bind();
    const { config } = await consumer.info(true);
    checkHandlers(this.options.service, config.filter_subjects ?? [config.filter_subject ?? '>'], this.messageHandlers);
    if (!this.closing.signal.aborted) this.reading = this.read(consumer);
  }

  private async bind(): Promise<Consumer> {
    const { connection, service } = this.options;
    try {
      return await jetstream(connection).consumers.get(durableStream.name, service);
    } catch (error) {
      if (!isMissing(error)) throw brokerFailure(error, `binding to the consumer ${service}`);
      throw new Failure(
        'BROKER_UNAVAILABLE',
        `The broker has no consumer ${service} on the stream ${durableStream.name}.`,
        {
          remedy: 'Create streams and consumers with the migration of the topology, then try again.',
          cause: error,
        },
      );
    }
  }

  private async read(first: Consumer): Promise<void> {
    let consumer: Consumer | undefined = first;
    let failures = 0;
    while (!this.closing.signal.aborted && !this.options.connection.isClosed()) {
      try {
        consumer ??= await this.bind();
        failures = 0;
        await this.consume(consumer);
      } catch (error) {
        this.warn('reading events was interrupted', { error: textOf(error) });
      }
      this.bound = false;
      consumer = undefined;
      const waitMs = Math.min(5000, 250 * 2 ** Math.min(failures, 5));
      failures += 1;
      await pause(waitMs, undefined, { signal: this.closing.signal }).catch(() => undefined);
    }
  }

  private async consume(consumer: Consumer): Promise<void> {
    this.messages = await consumer.consume({
      max_messages: this.concurrency,
      // Half of this is the heartbeat that notices a silent server.
      expires: 5000,
      // By default the client waits silently for a consumer that is gone, for ever after the broker lost its store.
      abort_on_missing_resource: true,
    });
    this.bound = true;
    if (this.closing.signal.aborted) this.messages.stop();
    for await (const message of this.messages) await this.accept(message);
  }

  private get concurrency(): number {
    return Math.max(1, this.options.concurrency ?? 1);
  }

  private async accept(message: JsMsg): Promise<void> {
    while (this.inFlight.size >= this.concurrency) await Promise.race(this.inFlight);
    if (this.closing.signal.aborted) {
      settle(() => message.nak());
      return;
    }
    const work = this.dispatch(message).finally(() => this.inFlight.delete(work));
    this.inFlight.add(work);
  }

  private async dispatch(message: JsMsg): Promise<void> {
    const beat = setInterval(() => settle(() => message.working()), ackWaitMs / 3);
    try {
      await this.take(message);
    } catch (error) {
      const delayMs = redeliveryDelayMs(error, message.info.deliveryCount);
      this.warn('an event comes back because its handler failed', {
        ...placeOf(message),
        delivery: message.info.deliveryCount,
        delayMs,
        error: textOf(error),
      });
      settle(() => message.nak(delayMs));
    } finally {
      clearInterval(beat);
    }
  }

  private async take(message: JsMsg): Promise<void> {
    const decoded = decodeEvent(message, eventIdOfPlace(message.seq, message.timestamp));
    if (!decoded.ok) {
      this.warn('an event cannot be read', { ...placeOf(message), reason: decoded.reason });
      await this.setAside(message, { cause: 'unreadable', eventId: decoded.id, reason: decoded.reason });
      settle(() => message.term());
      return;
    }
    const place = { eventId: decoded.event.id, streamSequence: message.seq };
    // Counted only from the second delivery on, so that what goes well costs nothing.
    const again = message.info.deliveryCount > 1;
    const begun = again ? await this.options.deadLetters?.begun(place) : undefined;
    if (begun !== undefined && begun > mostCrashes) {
      const reason = `The process ended ${mostCrashes} times in a row while the event was handled.`;
      await this.setAside(message, { cause: 'crashing', eventId: place.eventId, reason });
    } else {
      try {
        await processing(this.options, message, decoded.event, () => this.handle(message, decoded));
        if (again) await this.options.deadLetters?.done(place);
      } catch (error) {
        if (!(await this.givesUp(message, place, error))) throw error;
      }
    }
    settle(() => message.ack());
  }

  private async handle(
    message: JsMsg,
    { definition, event }: { definition: EventDefinition; event: ReceivedEvent },
  ): Promise<void> {
    // Its own subject may name the project besides.
    const handler: MessageHandler<unknown, BaseRpcContext, unknown> | undefined = this.messageHandlers.get(
      definition.subject,
    );
    if (!handler) {
      // A newer release may have added it to the consumer: another replica can take it meanwhile.
      throw new Failure('INTERNAL', `No handler takes ${message.subject}.`, {
        remedy: 'Run the release of the service that fits the topology of the broker, then replay the event.',
        retryable: false,
      });
    }
    const result = await handler({ ...event, streamSequence: message.seq }, new BaseRpcContext([message]));
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
  }

  /** Whether the event was set aside because its handler has failed too often. */
  private async givesUp(message: JsMsg, place: DeliveredEvent, error: unknown): Promise<boolean> {
    const { deadLetters, mostFailures = lastFailure } = this.options;
    if (!deadLetters) return false;
    if (error instanceof Failure && awayCodes.has(error.code)) {
      await deadLetters.interrupted(place);
      return false;
    }
    const failures = await deadLetters.failed(place);
    if (failures < mostFailures) return false;
    const reason = `Its handler failed ${failures} times, the last time with: ${textOf(error)}`;
    this.warn('an event is set aside', { ...placeOf(message), reason });
    await this.setAside(message, { cause: 'failing', eventId: place.eventId, reason });
    return true;
  }

  private async setAside(message: JsMsg, why: Pick<DeadMessage, 'cause' | 'eventId' | 'reason'>): Promise<void> {
    // Kept before it is dropped: what the server itself says about dropped messages is not stored anywhere.
    await this.options.deadLetters?.setAside({
      ...why,
      ...placeOf(message),
      headers: headersOf(message),
      bytes: message.data,
      deliveries: message.info.deliveryCount,
    });
  }

  private warn(message: string, fields: object): void {
    this.options.log?.warn(message, { service: this.options.service, ...fields });
  }
}

/** Refuses to start when what the consumer brings and what the handlers take are not the same. */
function checkHandlers(
  service: ServiceName,
  filter: readonly string[],
  handlers: ReadonlyMap<string, MessageHandler>,
): void {
  const problems = [
    ...filter
      .filter((subject) => !handlers.has(subject.replace(/\.\*$/, '')))
      .map((subject) => `no handler takes ${subject}`),
    ...[...handlers.keys()]
      .filter((subject) => !filter.includes(subject))
      .map((subject) => `the consumer does not bring ${subject}`),
    ...[...handlers].filter(([, { next }]) => next).map(([subject]) => `two handlers take ${subject}`),
  ];
  if (problems.length === 0) return;
  throw new Failure('CONFIG_INVALID', `The handlers of ${service} do not fit its consumer: ${problems.join('; ')}.`, {
    remedy: 'Give each event that lists this service as a consumer one handler, and migrate the topology.',
  });
}

/** What will not succeed soon is asked for seldom. Milliseconds. */
export function redeliveryDelayMs(error: unknown, deliveryCount: number): number {
  if (error instanceof Failure && !error.retryable) return longestDelayMs;
  return Math.min(longestDelayMs, 1000 * 2 ** Math.min(deliveryCount - 1, 10));
}

/** A closed connection settles nothing: the message comes back after its acknowledgement was missed. */
function settle(action: () => void): void {
  try {
    action();
  } catch {
    // Only a closed connection throws here.
  }
}

function placeOf(message: JsMsg): { subject: string; streamSequence: number } {
  return { subject: message.subject, streamSequence: message.seq };
}

function headersOf({ headers }: JsMsg): Record<string, string[]> {
  return Object.fromEntries((headers?.keys() ?? []).map((name) => [name, headers?.values(name) ?? []]));
}

function textOf(error: unknown): string {
  if (error instanceof Failure) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
