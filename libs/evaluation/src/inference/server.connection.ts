import http, { type IncomingHttpHeaders } from 'node:http';
import https from 'node:https';

/** What a server sent, whatever it is. */
export interface ServerReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** From the request to the last byte of the answer. */
  readonly timeoutMs: number;
}

/** A server took longer than it was given. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut';

  constructor(readonly seconds: number) {
    super(`no answer came within ${seconds} s`);
  }
}

/** An answer is a text of some thousand tokens; a server that sends more than this is no inference server. */
const longestReply = 64 * 1024 * 1024;

/**
 * Calls one server, over connections that stay open: for thousands of short answers, opening one each would take longer
 * than the rest. Node's own client, since `fetch` costs about twice the time for each call.
 */
export class ServerConnection {
  private readonly client: typeof http | typeof https;
  private readonly place: { readonly hostname: string; readonly port: string };
  private readonly below: string;
  private readonly agent: http.Agent;
  private readonly headers: Readonly<Record<string, string>>;

  /**
   * @param url what all paths are below
   * @param key sent as a bearer token
   */
  constructor(url: string, { connections, key }: { connections: number; key?: string | undefined }) {
    const { protocol, hostname, port, pathname } = new URL(`${url.replace(/\/+$/, '')}/`);
    this.client = protocol === 'https:' ? https : http;
    // Without the brackets that an address of version 6 has in a URL.
    this.place = { hostname: hostname.replace(/^\[|\]$/g, ''), port };
    this.below = pathname;
    this.agent = new this.client.Agent({ keepAlive: true, maxSockets: connections, scheduling: 'lifo' });
    this.headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  }

  get(path: string, options: CallOptions): Promise<ServerReply> {
    return this.call('GET', path, undefined, options);
  }

  post(path: string, body: object, options: CallOptions): Promise<ServerReply> {
    return this.call('POST', path, JSON.stringify(body), options);
  }

  /** Ends the connections that are open and unused. */
  close(): void {
    this.agent.destroy();
  }

  private async call(
    method: string,
    path: string,
    body: string | undefined,
    options: CallOptions,
  ): Promise<ServerReply> {
    for (;;) {
      const sent = this.send(method, path, body, options);
      try {
        return await sent.reply;
      } catch (error) {
        // A server closes a connection that it thinks idle at the moment in which it is used again: nothing was asked.
        const closed = error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
        if (!closed || !sent.request.reusedSocket || options.signal.aborted) throw error;
      }
    }
  }

  private send(
    method: string,
    path: string,
    body: string | undefined,
    { signal, timeoutMs }: CallOptions,
  ): { request: http.ClientRequest; reply: Promise<ServerReply> } {
    const request = this.client.request({
      ...this.place,
      path: this.below + path,
      method,
      agent: this.agent,
      signal,
      headers: {
        ...this.headers,
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    const timer = setTimeout(() => request.destroy(new TimedOut(timeoutMs / 1000)), timeoutMs);
    const reply = new Promise<ServerReply>((resolve, reject) => {
      request.once('error', reject);
      request.once('response', (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > longestReply) request.destroy(new Error(`an answer has more than ${longestReply} bytes`));
          parts.push(part);
        });
        response.once('error', reject);
        response.once('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString('utf8'),
          });
        });
      });
    }).finally(() => clearTimeout(timer));
    request.end(body);
    return { request, reply };
  }
}
