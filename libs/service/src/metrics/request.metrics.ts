import { Counter, Histogram, type Registry } from 'prom-client';

/** What is needed of Fastify's instance. */
export interface HttpServer {
  addHook(name: 'onSend' | 'onResponse', hook: (request: Request, reply: Reply) => Promise<void>): unknown;
}
interface Request {
  readonly method: string;
  readonly routeOptions: { readonly url?: string | undefined };
}
interface Reply {
  readonly raw: { readonly statusCode: number };
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
    help: 'Time from a request to the beginning of its answer; streams of events are left out.',
    labelNames: ['method', 'route'] as const,
    buckets,
    registers: [registry],
  });
  const labelsOf = ({ method, routeOptions }: Request) => ({ method, route: routeOptions.url ?? 'none' });
  // The end of an answer would tell how fast a caller reads, or how long it watches. Streams of events do not come by here.
  server.addHook('onSend', async (request, { elapsedTime }) => {
    durations.observe(labelsOf(request), elapsedTime / 1000);
  });
  server.addHook('onResponse', async (request, { raw: { statusCode } }) => {
    answers.inc({ ...labelsOf(request), status: `${Math.floor(statusCode / 100)}xx` });
  });
}
