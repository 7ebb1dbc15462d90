import { eventList, Failure, readTrainRequest, RunFailed, StageFailed, TrainRequested } from '@anneal/contracts';
import { headers as newHeaders } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import {
  decodeEvent,
  encodeEvent,
  eventIdOfPlace,
  traceTextOf,
  type DecodedEvent,
  type EncodedEvent,
  type IncomingMessage,
} from './envelope.js';
import { smallSpec, stageFailed } from './samples.fixture.js';

const envelope = { id: '0199-a', source: '/anneal/trainer', runId: 'run-1', time: '2026-11-24T10:00:00Z' };

function message(subject: string, payload: string | Uint8Array, given: Record<string, string> = {}): IncomingMessage {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(given)) headers.set(name, value);
  const data = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return { subject, data, headers, timestamp: '2026-11-24T11:00:00.000Z' };
}

const asMessage = (
  { subject, payload, headers }: EncodedEvent,
  changed: Record<string, string> = {},
): IncomingMessage => message(subject, payload, { ...headers, ...changed });

function eventOf(decoded: DecodedEvent) {
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.event;
}

const reasonOf = (decoded: DecodedEvent): string => (decoded.ok ? 'none' : decoded.reason);

describe('an event of a service', () => {
  const encoded = encodeEvent(StageFailed, stageFailed('run-1'), { ...envelope, causationId: 'cause 1' });

  it('is CloudEvents in binary mode', () => {
    expect(encoded.subject).toBe('anneal.stage.failed');
    expect(encoded.headers).toEqual({
      'Nats-Msg-Id': '0199-a',
      'ce-id': '0199-a',
      'ce-source': '/anneal/trainer',
      'ce-specversion': '1.0',
      'ce-type': 'anneal.stage.failed.v1',
      'ce-subject': 'run-1',
      'ce-time': '2026-11-24T10:00:00Z',
      'ce-datacontenttype': 'application/json',
      'ce-causationid': 'cause%201',
    });
  });

  it('comes out as it went in', () => {
    const decoded = decodeEvent(asMessage(encoded), 'fallback');
    expect(decoded).toMatchObject({ ok: true, definition: { name: 'StageFailed' } });
    expect(eventOf(decoded)).toEqual({
      id: '0199-a',
      source: '/anneal/trainer',
      type: 'anneal.stage.failed.v1',
      time: '2026-11-24T10:00:00Z',
      runId: 'run-1',
      causationId: 'cause 1',
      data: stageFailed('run-1'),
    });
  });

  it('may carry fields that this reader does not know yet', () => {
    const payload = JSON.stringify({ ...stageFailed('run-1'), later: 1 });
    expect(eventOf(decodeEvent(asMessage({ ...encoded, payload }), 'x')).data).toEqual(stageFailed('run-1'));
  });

  it('is not said with a field that its declaration does not know, at any depth', () => {
    const data = { ...stageFailed('run-1') };
    const extra = { ...data, failure: { ...data.failure, hint: 'x' } };
    expect(() => encodeEvent(StageFailed, extra, envelope)).toThrow(/no field failure\.hint/);
  });

  it('is not said with wrong data, about another run, or too long', () => {
    const say = (data: ReturnType<typeof stageFailed>) => () => encodeEvent(StageFailed, data, envelope);
    expect(say({ ...stageFailed('run-1'), attempts: 0 })).toThrow(/attempts/);
    expect(say(stageFailed('run-2'))).toThrow(/run-2/);
    const data = stageFailed('run-1');
    expect(say({ ...data, failure: { ...data.failure, message: 'x'.repeat(300_000) } })).toThrow(/longer than/);
    try {
      say(stageFailed('run-2'))();
    } catch (error) {
      expect(error).toBeInstanceOf(Failure);
      expect(error).toMatchObject({ code: 'INTERNAL', retryable: false });
    }
  });

  it.each<[string, IncomingMessage, RegExp]>([
    ['bare JSON', message(StageFailed.subject, '{}'), /no CloudEvents type/],
    ['no headers at all', { subject: StageFailed.subject, data: Buffer.from('{}') }, /no CloudEvents type/],
    ['an unknown type', asMessage(encoded, { 'ce-type': 'anneal.stage.failed.v2' }), /unknown type/],
    ['the type of another subject', asMessage(encoded, { 'ce-type': RunFailed.type }), /does not belong/],
    ['another version of CloudEvents', asMessage(encoded, { 'ce-specversion': '0.3' }), /0\.3/],
    ['no run', asMessage(encoded, { 'ce-subject': 'Not a run' }), /subject/],
    ['no time', asMessage(encoded, { 'ce-time': 'yesterday' }), /time/],
    ['an id with a control character', asMessage(encoded, { 'ce-id': 'a%00b' }), /id/],
    ['an attribute that is no UTF-8', asMessage(encoded, { 'ce-source': '%FF' }), /not UTF-8/],
    ['data of another kind', asMessage(encoded, { 'ce-datacontenttype': 'text/xml' }), /datacontenttype/],
    ['no JSON', asMessage({ ...encoded, payload: '{' }), /not JSON/],
    ['data of another form', asMessage({ ...encoded, payload: '{"runId":"run-1"}' }), /does not fit/],
    ['a NUL in its data', asMessage({ ...encoded, payload: '{"runId":"\\u0000"}' }), /not JSON/],
    ['bytes', message(StageFailed.subject, Uint8Array.of(0xff, 0xfe, 0), encoded.headers), /not JSON/],
  ])('is refused with %s', (_, incoming, reason) => {
    expect(reasonOf(decodeEvent(incoming, 'fallback'))).toMatch(reason);
  });

  it('keeps its id when it is refused', () => {
    expect(decodeEvent(asMessage({ ...encoded, payload: '{' }), 'x')).toMatchObject({ ok: false, id: '0199-a' });
    expect(decodeEvent(message(StageFailed.subject, '{}'), 'fallback')).toMatchObject({ ok: false, id: 'fallback' });
  });
});

describe('the front door', () => {
  const subject = TrainRequested.subject;
  const spec = JSON.stringify(smallSpec);

  it('takes bare JSON, under the id of its place in the stream', () => {
    const event = eventOf(decodeEvent(message(subject, spec), 'anneal-7-x'));
    expect(event).toMatchObject({ id: 'anneal-7-x', runId: '', type: TrainRequested.type, data: smallSpec });
    expect(event.time).toBe('2026-11-24T11:00:00.000Z');
    expect(readTrainRequest(event.data, event.id)).toMatchObject({ ok: true, runId: 'anneal-7-x' });
  });

  it.each<[string, Record<string, string>]>([
    ['ce-id', { 'ce-id': 'mine', 'Nats-Msg-Id': 'other' }],
    ['ce-id in another case', { 'CE-ID': 'mine' }],
    ['Nats-Msg-Id', { 'Nats-Msg-Id': 'mine' }],
    ['Nats-Msg-Id when ce-id cannot be an id', { 'ce-id': '%00', 'Nats-Msg-Id': 'mine' }],
  ])('takes the id from %s', (_, headers) => {
    expect(eventOf(decodeEvent(message(subject, spec, headers), 'fallback')).id).toBe('mine');
  });

  it('takes CloudEvents in binary mode, and a run only from the data', () => {
    const encoded = encodeEvent(TrainRequested, smallSpec, envelope);
    expect(eventOf(decodeEvent(asMessage(encoded), 'x'))).toMatchObject({
      id: '0199-a',
      runId: '',
      source: '/anneal/trainer',
    });
  });

  it('takes CloudEvents in structured mode', () => {
    const body = { specversion: '1.0', id: 'one', source: '/me', type: TrainRequested.type, data: smallSpec };
    const type = { 'Content-Type': 'application/cloudevents+json; charset=utf-8' };
    expect(eventOf(decodeEvent(message(subject, JSON.stringify(body), type), 'x'))).toMatchObject({
      id: 'one',
      source: '/me',
      data: smallSpec,
    });
    const base64 = { ...body, data: undefined, data_base64: Buffer.from(spec).toString('base64') };
    expect(eventOf(decodeEvent(message(subject, JSON.stringify(base64), type), 'x')).data).toEqual(smallSpec);
    expect(eventOf(decodeEvent(message(subject, '{', type), 'x')).data).toBeUndefined();
  });

  it.each(['', 'not json', '{', '\u0000', '{"name":"a\\u0000"}', '{"name":"\\ud800"}', '['.repeat(200_000)])(
    'hands on what is no JSON as undefined, so that it can be answered (%#)',
    (payload) => {
      expect(eventOf(decodeEvent(message(subject, payload), 'x')).data).toBeUndefined();
    },
  );

  it.each([
    ['null', null],
    ['[]', []],
    ['"text"', 'text'],
    ['{"a":"\\\\u0000"}', { a: '\\u0000' }],
  ])('hands on any JSON unchecked: %s', (payload, data) => {
    expect(eventOf(decodeEvent(message(subject, payload), 'x')).data).toEqual(data);
  });

  it('refuses what says that it is something else', () => {
    const refused = (headers: Record<string, string>) => reasonOf(decodeEvent(message(subject, spec, headers), 'x'));
    expect(refused({ 'ce-type': 'com.example.other' })).toMatch(/unknown type/);
    expect(refused({ 'ce-type': StageFailed.type })).toMatch(/does not belong/);
    expect(refused({ 'ce-type': TrainRequested.type, 'ce-specversion': '2.0' })).toMatch(/2\.0/);
    expect(refused({ 'Content-Type': 'application/cloudevents-batch+json' })).toMatch(/not JSON/);
  });
});

describe('the id of a place', () => {
  it('is the same for every reader, and another one after the store was lost', () => {
    const id = eventIdOfPlace(1, '2026-11-24T10:00:00.000Z');
    expect(id).toBe(eventIdOfPlace(1, '2026-11-24T10:00:00.000Z'));
    expect(id).not.toBe(eventIdOfPlace(1, '2026-11-24T10:00:01.000Z'));
    expect(id).not.toBe(eventIdOfPlace(2, '2026-11-24T10:00:00.000Z'));
    expect(id).toMatch(/^anneal-1-[0-9a-z]+$/);
  });
});

it('no two events share a type', () => {
  expect(new Set(eventList.map(({ type }) => type)).size).toBe(eventList.length);
});

describe('the trace that a message brings', () => {
  const subject = 'anneal.train.requested';
  const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it.each<[string, IncomingMessage]>([
    ['headers', message(subject, '{}', { traceparent: parent, tracestate: 'a=1' })],
    ['headers in another case', message(subject, '{}', { Traceparent: parent, TraceState: 'a=1' })],
    ['attributes', message(subject, '{}', { 'ce-traceparent': parent, 'ce-tracestate': 'a=1' })],
    [
      'a structured event',
      message(subject, JSON.stringify({ traceparent: parent, tracestate: 'a=1', data: {} }), {
        'content-type': 'application/cloudevents+json',
      }),
    ],
    [
      'headers, which come before attributes',
      message(subject, '{}', {
        traceparent: parent,
        tracestate: 'a=1',
        'ce-traceparent': 'other',
        'ce-tracestate': 'b=2',
      }),
    ],
  ])('is read from %s', (_, given) => {
    expect(traceTextOf(given)).toEqual({ traceparent: parent, tracestate: 'a=1' });
  });

  it('is none where nothing is said, or nothing can be read', () => {
    expect(traceTextOf(message(subject, '{}'))).toEqual({});
    expect(traceTextOf(message(subject, 'no JSON', { 'content-type': 'application/cloudevents+json' }))).toEqual({});
  });
});

describe('the project of an event', () => {
  const words = (project?: string) => encodeEvent(StageFailed, stageFailed('run-1'), { ...envelope, project });

  it('is a header of what services say, and left out for the default one', () => {
    expect(words('acme').headers).toMatchObject({ 'ce-project': 'acme' });
    expect(words('default').headers).toEqual(words().headers);
    expect(eventOf(decodeEvent(asMessage(words('acme')), 'fallback')).project).toBe('acme');
    expect(eventOf(decodeEvent(asMessage(words()), 'fallback')).project).toBeUndefined();
    expect(reasonOf(decodeEvent(asMessage(words(), { 'ce-project': 'No project' }), 'x'))).toContain('project');
  });

  it('is the subject of a request, whatever the request claims: the broker grants rights by subject', () => {
    const request = (subject: string) =>
      decodeEvent(message(subject, JSON.stringify(smallSpec), { 'ce-project': 'others' }), 'x');
    expect(eventOf(request('anneal.train.requested')).project).toBeUndefined();
    expect(eventOf(request('anneal.train.requested.default')).project).toBeUndefined();
    expect(eventOf(request('anneal.train.requested.acme')).project).toBe('acme');
    expect(reasonOf(request('anneal.train.requested.No_project'))).toContain('no CloudEvents type');
  });
});
