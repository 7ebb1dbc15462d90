import { Failure } from '@anneal/contracts';
import { SpanReceiver } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  carrierOf,
  contextFrom,
  continuing,
  inSpan,
  isTraced,
  newTraceFor,
  startTracing,
  traceFields,
  type Tracing,
} from '@anneal/tracing';

const parent = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1' };

let receiver: SpanReceiver;
const changes: unknown[] = [];

beforeEach(async () => {
  changes.length = 0;
  receiver = await SpanReceiver.start();
});

afterEach(() => receiver.stop());

function start(options: { endpoint?: string | undefined; share?: number } = {}): Promise<Tracing> {
  return startTracing({
    ...{ service: 'trainer', version: '1.2.3', endpoint: receiver.url, share: 1, ...options },
    onChange: (...change) => changes.push(change),
  });
}

describe('spans', () => {
  it('arrive with the name of their service, their times, and the trace that they go on with', async () => {
    const { tracer, stop } = await start();
    const before = Date.now();
    const carrier = await inSpan(
      tracer,
      { name: 'work', parent: contextFrom(parent), attributes: { count: 2 } },
      async () => carrierOf(),
    );
    await stop();
    const [span] = receiver.spans;
    expect(span).toMatchObject({
      ...{ service: 'anneal-trainer', name: 'work', traceId: 'a'.repeat(32), parentSpanId: 'b'.repeat(16) },
      ...{ attributes: { count: 2 }, failed: false },
    });
    expect(span?.startMs).toBeGreaterThanOrEqual(before);
    expect(carrier).toEqual({ traceparent: `00-${'a'.repeat(32)}-${span?.spanId}-01`, tracestate: 'vendor=1' });
  });

  it('say the code of a failure, and nothing of its message', async () => {
    const { tracer, stop } = await start();
    const failure = new Failure('BAD_DATA', 'The row "my secret" is bad.', { remedy: 'None.' });
    const broken = inSpan(tracer, { name: 'work' }, async () => Promise.reject(failure));
    await expect(broken).rejects.toBe(failure);
    await stop();
    expect(receiver.spans).toMatchObject([{ failed: true, attributes: { 'error.type': 'BAD_DATA' } }]);
    expect(receiver.bodies.join()).not.toContain('secret');
  });

  it('follow calls: what is begun, written down and logged within one belongs to it', async () => {
    const { tracer, stop } = await start();
    const fields = await inSpan(tracer, { name: 'outer' }, async () => {
      await Promise.resolve();
      await inSpan(tracer, { name: 'inner' }, async () => undefined);
      return traceFields();
    });
    await stop();
    const [inner, outer] = receiver.spans;
    expect(inner).toMatchObject({ name: 'inner', parentSpanId: outer?.spanId, traceId: outer?.traceId });
    expect(fields).toEqual({ trace_id: outer?.traceId, span_id: outer?.spanId });
    expect(traceFields()).toEqual({});
  });

  it('of several services that read the same event begin the same trace', async () => {
    const [one, two] = [await start(), await start()];
    await inSpan(one.tracer, { name: 'one', parent: newTraceFor('event-1') }, async () => undefined);
    await inSpan(two.tracer, { name: 'two', parent: newTraceFor('event-1') }, async () => undefined);
    await inSpan(two.tracer, { name: 'other', parent: newTraceFor('event-2') }, async () => undefined);
    await Promise.all([one.stop(), two.stop()]);
    const byName = Object.fromEntries(receiver.spans.map((span) => [span.name, span]));
    expect(byName['one']?.traceId).toBe(byName['two']?.traceId);
    expect(byName['one']?.spanId).not.toBe(byName['two']?.spanId);
    expect(byName['other']?.traceId).not.toBe(byName['one']?.traceId);
    expect(receiver.spans.map(({ parentSpanId }) => parentSpanId)).toEqual([undefined, undefined, undefined]);
  });

  it('of a share of the traces only are recorded, where a share is asked for, and the caller decides about its own', async () => {
    const { tracer, stop } = await start({ share: 0 });
    await inSpan(tracer, { name: 'root' }, async () => undefined);
    await continuing(parent, () => inSpan(tracer, { name: 'asked for' }, async () => undefined));
    await stop();
    expect(receiver.spans.map(({ name }) => name)).toEqual(['asked for']);
  });

  it('that cannot be sent are told of once, and do no harm', async () => {
    receiver.answers = 404;
    const { tracer, stop } = await start();
    await inSpan(tracer, { name: 'lost' }, async () => undefined);
    await stop();
    expect(changes).toEqual([[false, expect.any(String)]]);
  });
});

describe('what travels', () => {
  it.each<Record<string, string>>([
    {},
    { traceparent: 'no trace' },
    { traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01` },
    { traceparent: `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-and-more`.repeat(50) },
    { tracestate: 'vendor=1' },
  ])('is no trace when it cannot be read: %o', async (carrier) => {
    const { stop } = await start();
    expect(isTraced(contextFrom(carrier))).toBe(false);
    await stop();
  });

  it('is nothing where nothing is traced', async () => {
    const { tracer, stop } = await start({ endpoint: undefined });
    await inSpan(tracer, { name: 'unheard' }, async () => {
      expect(carrierOf()).toEqual({});
    });
    await stop();
    expect(receiver.requests).toBe(0);
  });
});
