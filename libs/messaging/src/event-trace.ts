import { contextFrom, isTraced, newTraceFor, type Context } from '@anneal/tracing';
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
export function traceOf(message: IncomingMessage, eventId: string): Context {
  const brought = contextFrom(traceTextOf(message));
  return isTraced(brought) ? brought : newTraceFor(eventId);
}
