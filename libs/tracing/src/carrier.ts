import { createHash } from 'node:crypto';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import { z } from 'zod';

/** The context of a trace as text, W3C's `traceparent` and `tracestate`: as headers, and in rows. Empty when not traced. */
export const traceCarrier = z.record(z.string(), z.string());
export type TraceCarrier = Readonly<Record<string, string>>;

const givenTraceId = createContextKey('id of the trace that a root span begins');

/** What is to travel with something that is written now. */
export function carrierOf(from: Context = context.active()): TraceCarrier {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier;
}

/** The context that travelled with something; a context without a trace when nothing readable did. */
export function contextFrom(carrier: TraceCarrier | null | undefined): Context {
  return carrier ? propagation.extract(ROOT_CONTEXT, carrier) : ROOT_CONTEXT;
}

/**
 * The context for something that came without a trace and is read by several services: each begins the same trace
 * without asking the others.
 *
 * @param id under which all of them know it
 */
export function newTraceFor(id: string): Context {
  return ROOT_CONTEXT.setValue(givenTraceId, createHash('sha256').update(id).digest('hex').slice(0, 32));
}

/** The id that the trace is to have which begins in this context. */
export function traceIdGivenIn(here: Context): string | undefined {
  const id = here.getValue(givenTraceId);
  return typeof id === 'string' ? id : undefined;
}

export function isTraced(here: Context): boolean {
  return trace.getSpanContext(here) !== undefined;
}

/** What a line of the log says of the trace that it belongs to. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}
