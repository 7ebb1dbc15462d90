import { randomUUID } from 'node:crypto';
import { Failure, subjectOf, TrainRequested } from '@anneal/contracts';
import { contextFrom, inSpan, isTraced, SpanKind, type Tracer } from '@anneal/tracing';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import { headers as newHeaders, type NatsConnection } from '@nats-io/transport-node';
import { brokerFailure } from './broker-failure.js';
import { envelopeHeaders, frontDoorSource, type EncodedEvent } from './envelope.js';
import { eventAttributes } from './event-trace.js';
import { encodeHeaderValue } from './percent.js';
import { durableStream } from './topology.js';

export { jetstream, type JetStreamClient } from '@nats-io/jetstream';

/** Where an event was stored; `duplicate` when the stream already had one with this id. */
export interface Published {
  readonly streamSequence: number;
  readonly duplicate: boolean;
}

/**
 * Publishes an event and waits until the stream has stored it. Publishing the same id again stores nothing.
 *
 * @param tracer records the sending as part of the trace that the event brings; its headers stay as they are
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED
 */
export async function publishEvent(js: JetStreamClient, encoded: EncodedEvent, tracer?: Tracer): Promise<Published> {
  const trace = contextFrom(tracer && encoded.headers);
  // What was written before anything was traced stays so: a trace that begins here would be about nothing.
  if (!tracer || !isTraced(trace)) return publish(js, encoded);
  const event = { id: encoded.headers['Nats-Msg-Id'] ?? '', runId: encoded.headers['ce-subject'] };
  const form = {
    name: `send ${encoded.subject}`,
    kind: SpanKind.CLIENT,
    parent: trace,
    attributes: eventAttributes('send', encoded.subject, event),
  };
  return inSpan(tracer, form, () => publish(js, encoded));
}

async function publish(js: JetStreamClient, encoded: EncodedEvent): Promise<Published> {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(encoded.headers)) headers.set(name, value);
  try {
    const { seq, duplicate } = await js.publish(encoded.subject, encoded.payload, {
      headers,
      expect: { streamName: durableStream.name },
    });
    return { streamSequence: seq, duplicate };
  } catch (error) {
    throw brokerFailure(error, `publishing to ${encoded.subject}`);
  }
}

/** A message as it was kept: what replayEvent says again. */
export interface KeptMessage {
  readonly subject: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly bytes: Uint8Array;
  /** The id under which inboxes know it, whether or not the message itself says one. */
  readonly eventId: string;
}

/**
 * Publishes a kept message again. It is the same event, so whoever has acted on it does not act again; for the stream
 * it is a new message, so that its window for duplicates does not swallow it.
 *
 * @throws Failure BROKER_UNAVAILABLE or UNAUTHORIZED
 */
export async function replayEvent(js: JetStreamClient, message: KeptMessage): Promise<Published> {
  const headers = newHeaders();
  for (const [name, values] of Object.entries(message.headers)) {
    // Nats-* steers the stream: an expectation of the first time would fail now.
    if (/^nats-|^ce-id$/i.test(name)) continue;
    for (const value of values) headers.append(name, value);
  }
  headers.set('ce-id', encodeHeaderValue(message.eventId));
  headers.set('Nats-Msg-Id', `replay-${randomUUID()}`);
  try {
    const { seq, duplicate } = await js.publish(message.subject, message.bytes, {
      headers,
      expect: { streamName: durableStream.name },
    });
    return { streamSequence: seq, duplicate };
  } catch (error) {
    throw brokerFailure(error, `publishing to ${message.subject}`);
  }
}

/**
 * Asks for a model at the front door. The RunSpec is not looked at: whoever accepts the request says what is wrong
 * with it.
 *
 * @throws Failure SPEC_INVALID when it cannot be written as JSON, BROKER_UNAVAILABLE or UNAUTHORIZED
 */
export async function publishTrainRequest(
  nc: NatsConnection,
  spec: unknown,
  options: { id?: string; project?: string } = {},
): Promise<{ eventId: string; streamSequence: number }> {
  const eventId = options.id ?? randomUUID();
  const encoded: EncodedEvent = {
    subject: subjectOf(TrainRequested, options.project),
    headers: envelopeHeaders(TrainRequested, { id: eventId, source: frontDoorSource }),
    payload: toJson(spec),
  };
  const { streamSequence } = await publishEvent(jetstream(nc), encoded);
  return { eventId, streamSequence };
}

function toJson(spec: unknown): string {
  const invalid = (cause?: unknown): Failure =>
    new Failure('SPEC_INVALID', 'The RunSpec cannot be written as JSON.', {
      remedy: 'Give a plain object with the fields of a RunSpec.',
      cause,
    });
  let text: string | undefined;
  try {
    text = JSON.stringify(spec);
  } catch (error) {
    throw invalid(error);
  }
  // JSON.stringify gives undefined for undefined and functions, which its type does not say.
  if (typeof text !== 'string') throw invalid();
  return text;
}
