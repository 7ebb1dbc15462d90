export {
  carrierOf,
  contextFrom,
  isTraced,
  newTraceFor,
  traceFields,
  traceCarrier,
  type TraceCarrier,
} from './carrier.js';
export { continuing, inSpan, linkTo, markFailed, noTracer, spanAt, within, type SpanForm } from './span.js';
export { startTracing } from './start-tracing.js';
export type { Tracing, TracingSettings } from './tracing.js';
export { SpanKind, type Context, type Span, type Tracer } from '@opentelemetry/api';
