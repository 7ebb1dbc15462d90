import { setTimeout as pause } from 'node:timers/promises';
import { Failure, type ServiceName } from '@anneal/contracts';
import { jetstream, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { BaseRpcContext, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { brokerFailure } from './broker-failure.js';
import { ConnectionWatch } from './connection.js';
import { decodeEvent, eventIdOfPlace } from './envelope.js';
import { jetStreamTransport } from './on-event.js';
import { ackWaitMs, durableStream, isMissing } from './topology.js';

export interface UndecodableMessage {
  readonly subject: string;
  readonly streamSequence: number;
  readonly reason: string;
  readonly bytes: Uint8Array;
}

export interface JetStreamStrategyOptions {
  readonly connection: NatsConnection;
  /** Whose durable consumer is read. */
  readonly service: ServiceName;
  /** Handlers at a time; 1 keeps events in the order of the stream as long as none is delivered again. */
  readonly concurrency?: number;
  /** Keeps a message that can never be read. It is dropped once this has returned, and comes back when it throws. */
  readonly onUndecodable?: (message: UndecodableMessage) => Promise<void>;
  readonly log?: { warn(message: string, fields?: object): void };
}

const longestDelayMs = 30_000;

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
      await this.handle(message);
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

  private async handle(message: JsMsg): Promise<void> {
    const handler: MessageHandler<unknown, BaseRpcContext, unknown> | undefined = this.messageHandlers.get(
      message.subject,
    );
    if (!handler) {
      this.warn('an event has no handler and is passed over', placeOf(message));
      settle(() => message.ack());
      return;
    }
    const decoded = decodeEvent(message, eventIdOfPlace(message.seq, message.timestamp));
    if (!decoded.ok) {
      const { reason } = decoded;
      this.warn('an event cannot be read', { ...placeOf(message), reason });
      // Put aside before it is dropped: what the server itself says about dropped messages is not stored anywhere.
      await this.options.onUndecodable?.({ ...placeOf(message), reason, bytes: message.data });
      settle(() => message.term());
      return;
    }
    const result = await handler(decoded.event, new BaseRpcContext([message]));
    if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    settle(() => message.ack());
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
    ...filter.filter((subject) => !handlers.has(subject)).map((subject) => `no handler takes ${subject}`),
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

/** An event is never given up; what will not succeed soon is asked for seldom. Milliseconds. */
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

function textOf(error: unknown): string {
  if (error instanceof Failure) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
