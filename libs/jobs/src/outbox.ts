import type { EventData, EventDefinition, ServiceName } from '@anneal/contracts';
import { encodeEvent, eventAttributes, type EncodedEvent } from '@anneal/messaging';
import { carrierOf, inSpan, noTracer, SpanKind, type Tracer } from '@anneal/tracing';
import type { EntityManager } from 'typeorm';
import { newUuidV7 } from './uuid-v7.js';

export interface OutboxContext {
  readonly runId: string;
  /** Id of the event that led to this one. */
  readonly causationId?: string | undefined;
  /** The retry that the work belongs to which says it. */
  readonly turn?: number | undefined;
  /** Of the run; the default one when left out. */
  readonly project?: string | undefined;
}

/** An event that somebody else said. */
export interface AdoptedEvent {
  readonly id: string;
  readonly source: string;
  /** RFC 3339. */
  readonly time: string;
  readonly runId: string;
  readonly project?: string | undefined;
  /** Where the stream has it. */
  readonly streamSequence: number;
}

/** What a service says. An event exists when the transaction that wrote it does; OutboxRelay publishes it. */
export class Outbox {
  constructor(
    private readonly source: ServiceName,
    private readonly tracer: Tracer = noTracer,
  ) {}

  /**
   * Writes an event in the caller's transaction. It is encoded here and now, so that what is published later is what
   * was checked, and data that breaks the contract undoes the transaction instead of blocking the relay.
   *
   * @returns the id of the event, which is also its Nats-Msg-Id
   */
  async add<Definition extends EventDefinition>(
    tx: EntityManager,
    definition: Definition,
    data: EventData<Definition>,
    { runId, causationId, turn = 0, project }: OutboxContext,
  ): Promise<string> {
    const id = newUuidV7();
    const event = encodeEvent(definition, data, {
      id,
      source: this.source,
      runId,
      project,
      ...(causationId === undefined ? {} : { causationId }),
      ...(turn === 0 ? {} : { turn }),
    });
    const form = {
      name: `create ${event.subject}`,
      kind: SpanKind.PRODUCER,
      attributes: eventAttributes('create', event.subject, { id, runId }),
    };
    await inSpan(this.tracer, form, () =>
      tx.query('INSERT INTO outbox (id, subject, headers, payload) VALUES ($1, $2, $3, $4)', [
        id,
        event.subject,
        JSON.stringify(withTrace(event)),
        event.payload,
      ]),
    );
    return id;
  }

  /**
   * Takes over an event that was said without an outbox, in the transaction that acts on it: when the broker loses it,
   * it is said again from here, under its own id. One that this outbox has already stays as it is.
   *
   * @param data as this service understood it; whoever reads the event again has to understand the same
   */
  async adopt<Definition extends EventDefinition>(
    tx: EntityManager,
    definition: Definition,
    data: EventData<Definition>,
    { id, source, time, runId, project, streamSequence }: AdoptedEvent,
  ): Promise<void> {
    const event = encodeEvent(definition, data, { id, source, time, runId, project });
    await tx.query(
      `INSERT INTO outbox (id, subject, headers, payload, published_at, stream_seq)
       VALUES ($1, $2, $3, $4, now(), $5) ON CONFLICT (id) DO NOTHING`,
      [id, event.subject, JSON.stringify(withTrace(event)), event.payload, streamSequence],
    );
  }
}

/** The headers of an event with the trace that it is said in: whoever takes it, days later perhaps, goes on with that. */
function withTrace({ headers }: EncodedEvent): Record<string, string> {
  return { ...headers, ...carrierOf() };
}
