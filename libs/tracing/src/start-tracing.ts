import { noTracer } from './span.js';
import type { Tracing, TracingSettings } from './tracing.js';

/** Begins to record and send spans, when there is somewhere to send them to. */
export async function startTracing(settings: TracingSettings): Promise<Tracing> {
  const { endpoint } = settings;
  if (endpoint === undefined) return { tracer: noTracer, stop: async () => undefined };
  const { sendSpans } = await import('./send-spans.js');
  return sendSpans({ ...settings, endpoint });
}
