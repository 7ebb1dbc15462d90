import {
  defaultProject,
  eventByType,
  eventList,
  Failure,
  projectName,
  runId as runIdSchema,
  subjectOf,
  type EventDefinition,
  type ReceivedEvent,
} from '@anneal/contracts';
import type { MsgHdrs } from '@nats-io/transport-node';
import { z } from 'zod';
import { fieldsPassedOver, isRecord, parseJson } from './json.js';
import { decodeHeaderValue, encodeHeaderValue } from './percent.js';
import { durableStream, maxEventBytes } from './topology.js';

/** An event as it is written into the outbox and published: CloudEvents 1.0, binary mode. */
export interface EncodedEvent {
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly payload: string;
}

export interface EnvelopeOptions {
  /** Also the Nats-Msg-Id. Made once, when the outbox row is written. */
  readonly id: string;
  /** Who says it, a URI reference such as `/anneal/trainer`. */
  readonly source: string;
  readonly runId?: string;
  /** RFC 3339; now when left out. */
  readonly time?: string;
  readonly causationId?: string | undefined;
  readonly turn?: number | undefined;
  /** Of the run; the default one when left out. */
  readonly project?: string | undefined;
}

/** What decodeEvent needs of a message; a message of JetStream has it all. */
export interface IncomingMessage {
  readonly subject: string;
  readonly headers?: MsgHdrs | undefined;
  readonly data: Uint8Array;
  /** When the stream stored it, RFC 3339: the time of an event that says none. */
  readonly timestamp?: string;
}

export type DecodedEvent =
  { ok: true; definition: EventDefinition; event: ReceivedEvent } | { ok: false; reason: string; id: string };

/** Source of requests that name none. */
export const frontDoorSource = '/anneal/front-door';

const headerRoom = 8 * 1024;
const printable = /^[^\p{Cc}]{1,256}$/u;
const dateTime = z.iso.datetime({ offset: true });

/**
 * Writes an event. The data is checked against its declaration, and more strictly than a reader does: a field that the
 * declaration does not know is an error.
 *
 * @throws Failure INTERNAL, not retryable: the code that says this event is wrong
 */
export function encodeEvent<Data extends z.ZodType>(
  definition: EventDefinition<Data>,
  data: z.input<Data>,
  envelope: EnvelopeOptions & { readonly runId: string },
): EncodedEvent {
  const read = definition.data.safeParse(data);
  if (!read.success) throw unsayable(definition, describeIssues(read.error));
  const unknown = fieldsPassedOver(data, read.data);
  if (unknown.length > 0) throw unsayable(definition, `it has no field ${unknown.join(', ')}`);
  if (isRecord(read.data) && typeof read.data.runId === 'string' && read.data.runId !== envelope.runId) {
    throw unsayable(definition, `its data is about run ${read.data.runId}, its envelope about ${envelope.runId}`);
  }
  const payload = JSON.stringify(read.data);
  if (Buffer.byteLength(payload) > maxEventBytes - headerRoom) {
    throw unsayable(definition, `it is longer than ${maxEventBytes - headerRoom} bytes`);
  }
  const subject = subjectOf(definition, envelope.project);
  return { subject, headers: envelopeHeaders(definition, envelope), payload };
}

/** The headers of an event: every attribute as `ce-<name>`, percent-encoded, and the id for the stream's dedupe. */
export function envelopeHeaders(definition: EventDefinition, envelope: EnvelopeOptions): Record<string, string> {
  const attributes = {
    id: envelope.id,
    source: envelope.source,
    specversion: '1.0',
    type: definition.type,
    subject: envelope.runId,
    time: envelope.time ?? new Date().toISOString(),
    datacontenttype: 'application/json',
    causationid: envelope.causationId,
    turn: envelope.turn === undefined ? undefined : String(envelope.turn),
    project: envelope.project === defaultProject ? undefined : envelope.project,
  };
  const headers: Record<string, string> = { 'Nats-Msg-Id': encodeHeaderValue(envelope.id) };
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) headers[`ce-${name}`] = encodeHeaderValue(value);
  }
  return headers;
}

/**
 * The id of an event that has none: its place in the stream. The time is part of it because sequence numbers start
 * again when a broker loses its store. The same message has the same id for every reader and at every delivery.
 */
export function eventIdOfPlace(streamSequence: number, storedAt: string): string {
  return `${durableStream.name.toLowerCase()}-${streamSequence}-${Date.parse(storedAt).toString(36)}`;
}

/**
 * Reads a message. Events of the front door are taken in any form: bare JSON, or CloudEvents in binary or structured
 * mode; their data is the parsed JSON, unchecked, or undefined when it is none.
 *
 * @param fallbackId id of an event of the front door that has none; the same at every delivery
 */
export function decodeEvent(message: IncomingMessage, fallbackId: string): DecodedEvent {
  const parts = partsOf(message);
  const { attributes } = parts;
  // A replayed message says the id that it was known by, even where the message of the first time said none.
  const said = decodeHeaderValue(header(message, 'ce-id') ?? '');
  const id = [attributes.get('id'), said, header(message, 'nats-msg-id')].find(
    (given) => given && printable.test(given),
  );
  const refuse = (reason: string): DecodedEvent => ({ ok: false, reason, id: id ?? fallbackId });
  if (parts.unreadable) return refuse(parts.unreadable);

  const type = attributes.get('type');
  const definition = type === undefined ? frontDoor(message.subject) : eventByType(type);
  if (!definition) return refuse(type === undefined ? 'it has no CloudEvents type' : `unknown type "${type}"`);
  const project = projectOfSubject(definition, message.subject);
  if (project === undefined) return refuse(`type "${type}" does not belong on ${message.subject}`);
  const version = attributes.get('specversion');
  if (version !== '1.0' && !(version === undefined && definition.frontDoor)) {
    return refuse(`CloudEvents version "${version ?? 'none'}" is not 1.0`);
  }
  if (definition.frontDoor) return frontDoorEvent(definition, parts, message, { id: id ?? fallbackId, project });

  const envelope = completeEnvelope.safeParse(Object.fromEntries(attributes));
  if (!envelope.success) return refuse(`its envelope is incomplete: ${describeIssues(envelope.error)}`);
  if (!parts.json) return refuse('its data is not JSON');
  const data = definition.data.safeParse(parts.json.value);
  if (!data.success) return refuse(`its data does not fit ${definition.type}: ${describeIssues(data.error)}`);
  const { source, time, subject: runId, causationid: causationId, turn } = envelope.data;
  const event = {
    ...{ id: envelope.data.id, source, type: definition.type, time, runId, causationId, data: data.data },
    ...(turn === undefined ? {} : { turn }),
    ...(envelope.data.project === undefined ? {} : { project: envelope.data.project }),
  };
  return { ok: true, definition, event };
}

const attribute = z.string().regex(printable, 'no text of 1 to 256 printable characters');
const completeEnvelope = z.object({
  id: attribute,
  source: attribute,
  time: dateTime,
  subject: runIdSchema,
  datacontenttype: z
    .string()
    .regex(/^application\/([^;]+\+)?json\s*(;.*)?$/i, 'not JSON')
    .optional(),
  causationid: attribute.optional(),
  turn: z
    .string()
    .regex(/^\d{1,9}$/, 'no number of a turn')
    .transform(Number)
    .optional(),
  project: projectName.optional(),
});

interface Parts {
  attributes: Map<string, string>;
  json: { value: unknown } | undefined;
  /** Why the envelope cannot be read at all. */
  unreadable?: string;
}

function partsOf(message: IncomingMessage): Parts {
  const structured = /^application\/cloudevents/i.test(header(message, 'content-type') ?? '');
  return structured ? structuredParts(message) : binaryParts(message);
}

function binaryParts(message: IncomingMessage): Parts {
  const attributes = new Map<string, string>();
  let unreadable: string | undefined;
  for (const key of message.headers?.keys() ?? []) {
    const name = /^ce-(.+)$/i.exec(key)?.[1]?.toLowerCase();
    if (!name || !message.headers) continue;
    const value = decodeHeaderValue(message.headers.get(key));
    if (value === undefined) unreadable = `header ${key} is not UTF-8`;
    else attributes.set(name, value);
  }
  return { attributes, json: parseJson(message.data), ...(unreadable ? { unreadable } : {}) };
}

function structuredParts(message: IncomingMessage): Parts {
  const attributes = new Map<string, string>();
  const format = header(message, 'content-type') ?? '';
  if (!/^application\/cloudevents\+json\s*(;.*)?$/i.test(format)) {
    return { attributes, json: undefined, unreadable: `event format "${format}" is not JSON` };
  }
  const body = parseJson(message.data)?.value;
  if (!isRecord(body) || Array.isArray(body)) return { attributes, json: undefined };
  for (const [name, value] of Object.entries(body)) {
    if (name !== 'data' && name !== 'data_base64' && typeof value === 'string') attributes.set(name, value);
  }
  if (typeof body.data_base64 === 'string') {
    return { attributes, json: parseJson(Buffer.from(body.data_base64, 'base64')) };
  }
  return { attributes, json: 'data' in body ? { value: body.data } : undefined };
}

function frontDoor(subject: string): EventDefinition | undefined {
  return eventList.find((event) => event.frontDoor && projectOfSubject(event, subject) !== undefined);
}

/** The project that a subject names, the default one where it names none; undefined when the event is not said there. */
function projectOfSubject(definition: EventDefinition, subject: string): string | undefined {
  if (subject === definition.subject) return defaultProject;
  const project = subject.slice(definition.subject.length + 1);
  const isProject = definition.frontDoor && subject === `${definition.subject}.${project}`;
  return isProject && projectName.safeParse(project).success ? project : undefined;
}

function frontDoorEvent(
  definition: EventDefinition,
  { attributes, json }: Parts,
  message: IncomingMessage,
  { id, project }: { id: string; project: string },
): DecodedEvent {
  const valid = (name: string, form: { safeParse(text: unknown): { success: boolean } }): string | undefined => {
    const value = attributes.get(name);
    return form.safeParse(value).success ? value : undefined;
  };
  const event = {
    id,
    source: valid('source', attribute) ?? frontDoorSource,
    type: definition.type,
    time: valid('time', dateTime) ?? message.timestamp ?? new Date().toISOString(),
    // Whatever the sender claims: the run follows from the data and the id alone, the project from the subject.
    runId: '',
    causationId: valid('causationid', attribute),
    data: json?.value,
    ...(project === defaultProject ? {} : { project }),
  };
  return { ok: true, definition, event };
}

/**
 * The trace that a message says it belongs to: in headers of their own, as other users of the broker write them, or in
 * the CloudEvents extension for distributed tracing.
 */
export function traceTextOf(message: IncomingMessage): Record<string, string> {
  const said: Record<string, string> = {};
  const attributes = header(message, 'traceparent') === undefined ? partsOf(message).attributes : undefined;
  for (const name of ['traceparent', 'tracestate']) {
    const text = attributes ? attributes.get(name) : header(message, name);
    if (text !== undefined) said[name] = text;
  }
  return said;
}

/** A header by its name in any case; undefined when it is absent or empty. */
function header(message: IncomingMessage, name: string): string | undefined {
  const { headers } = message;
  const key = headers?.keys().find((candidate) => candidate.toLowerCase() === name);
  return (key && headers?.get(key)) || undefined;
}

function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.map(String).join('.') || '(whole)'}: ${message}`)
    .join('; ');
}

function unsayable(definition: EventDefinition, why: string): Failure {
  return new Failure('INTERNAL', `${definition.name} cannot be said: ${why}.`, {
    remedy: 'Correct the code that builds this event; its declaration says which fields it has.',
    retryable: false,
  });
}
