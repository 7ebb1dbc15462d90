import type { ServerResponse } from 'node:http';
import { Counter, Histogram, type Registry } from 'prom-client';

/** What is needed of Fastify's instance. */
export interface HttpServer {
  addHook(name: 'onResponse', hook: (request: Request, reply: Reply) => Promise<void>): unknown;
}
interface Request {
  readonly method: string;
  readonly routeOptions: { readonly url?: string | undefined };
}
interface Reply {
  readonly raw: Pick<ServerResponse, 'statusCode' | 'getHeader'>;
  /** In milliseconds. */
  readonly elapsedTime: number;
}

const buckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Counts the answers of a server and takes their time, by the patterns of its routes: addresses have no bound. */
export function measureRequests(registry: Registry, server: HttpServer): void {
  const answers = new Counter({
    name: 'anneal_http_requests_total',
    help: 'Requests answered, by route and class of status.',
    labelNames: ['method', 'route', 'status'] as const,
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'anneal_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer; answers that are followed as they grow are left out.',
    labelNames: ['method', 'route'] as const,
    buckets,
    registers: [registry],
  });
  server.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions } = request;
    const route = routeOptions.url ?? 'none';
    const { statusCode } = reply.raw;
    answers.inc({ method, route, status: `${Math.floor(statusCode / 100)}xx` });
    const isStream = String(reply.raw.getHeader('content-type')).startsWith('text/event-stream');
    if (!isStream) durations.observe({ method, route }, reply.elapsedTime / 1000);
  });
}
