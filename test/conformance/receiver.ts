import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { until } from './patience.js';

export interface Delivery {
  readonly headers: Record<string, string>;
  /** As it came, since the signature is over its bytes. */
  readonly body: string;
}

/** A server that takes what webhook endpoints are sent. */
export class Receiver {
  readonly deliveries: Delivery[] = [];

  private constructor(private readonly server: Server) {}

  static async open(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        receiver.deliveries.push({ headers: plain(request.headers), body });
        response.writeHead(200).end();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** Waits for a body of this type, and about this job if one is named. */
  async delivery(type: string, jobId?: string): Promise<Delivery> {
    return until(`${type} to be delivered`, () =>
      this.deliveries.find(({ body }) => {
        const event = JSON.parse(body) as { type: string; data: { id: string } };
        return event.type === type && (jobId === undefined || event.data.id === jobId);
      }),
    );
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

function plain(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
