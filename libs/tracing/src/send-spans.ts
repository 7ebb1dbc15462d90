import { context, propagation } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ExportResultCode, W3CTraceContextPropagator, type ExportResult } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type IdGenerator,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { traceIdGivenIn } from './carrier.js';
import type { Tracing, TracingSettings } from './tracing.js';

/** One batch is sent within this time or lost. */
const sendMs = 5_000;
const everyMs = 2_000;

/** Records the spans of one service and sends them. Several services of one process each have their own. */
export function sendSpans(settings: TracingSettings & { readonly endpoint: string }): Tracing {
  followCalls();
  const { service, version, endpoint, share, onChange } = settings;
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: sendMs });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': `anneal-${service}`,
      'service.namespace': 'anneal',
      'service.version': version,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    idGenerator: new IdsOfContext(),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new WatchedExporter(exporter, onChange),
        scheduledDelayMillis: everyMs,
        exportTimeoutMillis: sendMs,
      }),
    ],
  });
  // What could not be sent was told of already.
  const stop = (): Promise<void> => provider.shutdown().catch(() => undefined);
  return { tracer: provider.getTracer('anneal', version), stop };
}

let followed = false;

/** How context follows calls and is written down belongs to the process. */
function followCalls(): void {
  if (followed) return;
  followed = true;
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
}

class IdsOfContext implements IdGenerator {
  private readonly random = new RandomIdGenerator();

  generateTraceId(): string {
    return traceIdGivenIn(context.active()) ?? this.random.generateTraceId();
  }

  generateSpanId(): string {
    return this.random.generateSpanId();
  }
}

/** The SDK drops what cannot be sent without a word. */
class WatchedExporter implements SpanExporter {
  private arriving = true;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly onChange: TracingSettings['onChange'],
  ) {}

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.exporter.export(spans, (result) => {
      const arriving = result.code === ExportResultCode.SUCCESS;
      if (arriving !== this.arriving) this.onChange(arriving, result.error?.message);
      this.arriving = arriving;
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}
