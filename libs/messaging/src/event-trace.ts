import type { ReceivedEvent, ServiceName } from '@anneal/contracts';
import type { JsMsg } from '@nats-io/jetstream';
import {
  contextFrom,
  inSpan,
  isTraced,
  newTraceFor,
  noTracer,
  SpanKind,
  type Context,
  type Tracer,
} from '@anneal/tracing';
import { traceTextOf, type IncomingMessage } from './envelope.js';

/** What a span says of an event, by the semantic conventions for messaging. */
export function eventAttributes(
  operation: 'create' | 'send' | 'process',
  subject: string,
  { id, runId }: { readonly id: string; readonly runId?: string | undefined },
): Record<string, string> {
  return {
    'messaging.system': 'nats',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': subject,
    'messaging.message.id': id,
    ...(runId ? { 'anneal.run.id': runId } : {}),
  };
}

/** The trace that a message belongs to: the one that it brings, or a new one that all its readers name alike. */
function traceOf(message: IncomingMessage, eventId: string): Context {
  const brought = contextFrom(traceTextOf(message));
  return isTraced(brought) ? brought : newTraceFor(eventId);
}

/** Records one delivery of an event, and what its handler does, as part of the trace that the message belongs to. */
export function processing<T>(
  { tracer = noTracer, service }: { readonly tracer?: Tracer; readonly service: ServiceName },
  message: JsMsg,
  event: ReceivedEvent,
  handle: () => Promise<T>,
): Promise<T> {
  // The headers of every message would be read for nothing.
  if (tracer === noTracer) return handle();
  const form = {
    name: `process ${message.subject}`,
    kind: SpanKind.CONSUMER,
    parent: traceOf(message, event.id),
    attributes: {
      ...eventAttributes('process', message.subject, event),
      'messaging.consumer.group.name': service,
      'anneal.event.delivery': message.info.deliveryCount,
    },
  };
  return inSpan(tracer, form, handle);
}
