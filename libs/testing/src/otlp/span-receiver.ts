import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { z } from 'zod';

const value = z
  .looseObject({
    stringValue: z.string().optional(),
    intValue: z.coerce.number().optional(),
    doubleValue: z.number().optional(),
    boolValue: z.boolean().optional(),
  })
  .transform((given) => given.stringValue ?? given.intValue ?? given.doubleValue ?? given.boolValue);
const attributes = z
  .array(z.object({ key: z.string(), value }))
  .default([])
  .transform((list) => Object.fromEntries(list.map((entry) => [entry.key, entry.value])));
const nanoseconds = z.union([z.string(), z.number()]).transform((time) => Number(BigInt(time) / 1_000_000n));
const context = z.looseObject({ traceId: z.string().length(32), spanId: z.string().length(16) });
const span = z.looseObject({
  ...context.shape,
  parentSpanId: z.string().length(16).optional(),
  name: z.string().min(1),
  kind: z.int(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes,
  events: z.array(z.looseObject({ name: z.string(), attributes })).default([]),
  links: z.array(context).default([]),
  status: z.looseObject({ code: z.int().default(0) }).default({ code: 0 }),
});
const batch = z.object({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(span) })),
    }),
  ),
});

/** A span as it arrived. */
export interface ReceivedSpan {
  /** `service.name` of its resource. */
  readonly service: unknown;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** By the numbers of OTLP: 2 is a server's, 3 a client's, 4 a producer's, 5 a consumer's. */
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
}

/** Takes traces by OTLP over HTTP, in JSON, as a collector does; what does not have that form is refused and counted. */
export class SpanReceiver {
  readonly spans: ReceivedSpan[] = [];
  /** Bodies as they came. */
  readonly bodies: string[] = [];
  /** Why bodies were refused. */
  readonly refused: string[] = [];
  /** The status of every answer while it is set. */
  answers: number | undefined;
  requests = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<SpanReceiver> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.statusCode = receiver.take(request.url, Buffer.concat(chunks).toString());
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const receiver = new SpanReceiver(server, `http://127.0.0.1:${port}`);
    return receiver;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private take(path: string | undefined, body: string): number {
    this.requests += 1;
    if (this.answers !== undefined) return this.answers;
    if (path !== '/v1/traces') return this.refuse(`nothing is taken at ${path}`);
    this.bodies.push(body);
    try {
      for (const { resource, scopeSpans } of batch.parse(JSON.parse(body)).resourceSpans) {
        const service = resource.attributes['service.name'];
        for (const received of scopeSpans.flatMap(({ spans }) => spans)) this.spans.push(toSpan(received, service));
      }
      return 200;
    } catch (error) {
      return this.refuse(String(error));
    }
  }

  private refuse(why: string): number {
    this.refused.push(why);
    return 400;
  }
}

function toSpan(received: z.infer<typeof span>, service: unknown): ReceivedSpan {
  const { startTimeUnixNano: startMs, endTimeUnixNano: endMs, status, ...rest } = received;
  return { ...rest, parentSpanId: received.parentSpanId, service, startMs, endMs, failed: status.code === 2 };
}
