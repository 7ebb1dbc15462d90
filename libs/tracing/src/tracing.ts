import type { Tracer } from '@opentelemetry/api';

export interface TracingSettings {
  /** Whose spans they are. */
  readonly service: string;
  readonly version: string;
  /** Base URL of a receiver of OTLP over HTTP; without one nothing is traced, and no SDK is loaded. */
  readonly endpoint: string | undefined;
  /** Share of the traces begun here that is recorded, 0 to 1. */
  readonly share: number;
  /** Told once when spans begin to be lost, and once when they arrive again. */
  readonly onChange: (arriving: boolean, reason?: string) => void;
}

/** How one service traces. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what has not been sent. */
  readonly stop: () => Promise<void>;
}
