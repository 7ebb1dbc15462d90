import { Failure } from '@anneal/contracts';
import {
  context,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanKind,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import { contextFrom, type TraceCarrier } from './carrier.js';

/** Begins spans that nobody hears of. */
export const noTracer: Tracer = trace.getTracer('anneal');

export interface SpanForm extends Pick<SpanOptions, 'links' | 'startTime'> {
  /** What is done and to what kind of thing, never to which: names are grouped by. */
  readonly name: string;
  readonly kind?: SpanKind;
  /** No text of a user, no path, no address with a login. */
  readonly attributes?: Attributes;
  /** The active one when left out. */
  readonly parent?: Context;
}

/** Begins a span that its caller ends. */
export function spanAt(tracer: Tracer, { name, parent = context.active(), ...options }: SpanForm): Span {
  // Active, so that the trace of a root span gets the id that its context asks for.
  return context.with(parent, () => tracer.startSpan(name, options, parent));
}

/** Runs work within a span: what it begins, writes and logs belongs to it. The span ends with the work. */
export async function inSpan<T>(tracer: Tracer, form: SpanForm, work: (span: Span) => Promise<T>): Promise<T> {
  const span = spanAt(tracer, form);
  try {
    return await within(span, form.parent, () => work(span));
  } catch (error) {
    markFailed(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Runs work as part of a span, which its caller ends. */
export function within<T>(span: Span, parent: Context | undefined, work: () => T): T {
  return context.with(trace.setSpan(parent ?? context.active(), span), work);
}

/** Runs work as part of the trace that travelled here. */
export function continuing<T>(carrier: TraceCarrier | null | undefined, work: () => T): T {
  return context.with(contextFrom(carrier), work);
}

/** For a span that follows another one without being part of it. */
export function linkTo(other: Context): Link[] {
  const span = trace.getSpanContext(other);
  return span === undefined ? [] : [{ context: span }];
}

/**
 * Says with what kind of error a span ended. Messages stay out: they may quote what a user wrote.
 *
 * @param error itself, or the code of a failure
 */
export function markFailed(span: Span, error: unknown): void {
  const type = error instanceof Failure ? error.code : error instanceof Error ? error.name : String(error).slice(0, 80);
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
  span.setAttribute('error.type', type);
}
