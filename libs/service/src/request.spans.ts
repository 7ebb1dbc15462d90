import { contextFrom, noTracer, SpanKind, spanAt, within, type Context, type Span, type Tracer } from '@anneal/tracing';

/** What is needed of Fastify's instance. */
export interface TracedServer {
  addHook(
    name: 'onRequest' | 'preValidation',
    hook: (request: TracedRequest, reply: TracedReply, done: () => void) => void,
  ): unknown;
}
interface TracedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly routeOptions: { readonly url?: string | undefined };
}
interface TracedReply {
  readonly raw: { readonly statusCode: number; once(event: 'close', listener: () => void): unknown };
}

/** Asked every few seconds by machines, and part of no run. */
const silent = /^\/(health|metrics)/;

/** Records each request as a span, within the caller's own trace when its headers name one. */
export function traceRequests(server: TracedServer, tracer: Tracer): void {
  if (tracer === noTracer) return;
  const spans = new WeakMap<TracedRequest, { span: Span; parent: Context }>();
  server.addHook('onRequest', (request, { raw }, done) => {
    const route = request.routeOptions.url;
    if (route === undefined || silent.test(route)) return done();
    const parent = contextFrom(textsOf(request.headers));
    const span = spanAt(tracer, {
      name: `${request.method} ${route}`,
      kind: SpanKind.SERVER,
      parent,
      attributes: { 'http.request.method': request.method, 'http.route': route },
    });
    spans.set(request, { span, parent });
    raw.once('close', () => {
      span.setAttribute('http.response.status_code', raw.statusCode);
      if (raw.statusCode >= 500) span.setAttribute('error.type', String(raw.statusCode));
      span.end();
    });
    within(span, parent, done);
  });
  // The body was read on behalf of the socket, outside of the request's context.
  server.addHook('preValidation', (request, _, done) => {
    const traced = spans.get(request);
    if (traced) within(traced.span, traced.parent, done);
    else done();
  });
}

function textsOf(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const { traceparent, tracestate } = headers;
  return {
    ...(typeof traceparent === 'string' ? { traceparent } : {}),
    ...(typeof tracestate === 'string' ? { tracestate } : {}),
  };
}
