import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What the way between a service and a server does to what passes. */
export type Weather =
  | 'clear'
  | 'refused'
  /** Cut after some bytes of the request. */
  | 'reset'
  /** Taken, and never answered. */
  | 'black hole'
  | 'slow'
  /** Answered with 503 in the place of the server. */
  | 'unavailable'
  /** The server does it, and the answer is lost. */
  | 'lost answer';

/** A TCP proxy that stands before a real server. */
export class Proxy {
  weather: Weather = 'clear';
  connections = 0;
  private readonly open = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: { host: string; port: number },
  ) {
    server.on('connection', (socket) => this.pass(socket));
  }

  static async before(endpoint: string): Promise<Proxy> {
    const { hostname, port } = new URL(endpoint);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, { host: hostname, port: Number(port) });
  }

  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  /** Changes the weather for what is under way, too. */
  set(weather: Weather): void {
    this.weather = weather;
    if (weather !== 'clear' && weather !== 'slow') for (const socket of this.open) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private pass(socket: Socket): void {
    this.connections += 1;
    this.open.add(socket);
    socket.on('close', () => this.open.delete(socket));
    socket.on('error', () => socket.destroy());
    const { weather } = this;
    if (weather === 'refused') return void socket.destroy();
    if (weather === 'black hole') return void socket.resume();
    if (weather === 'unavailable') {
      socket.once('data', () =>
        socket.end('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
      );
      return;
    }
    const upstream = connect(this.target);
    upstream.on('error', () => socket.destroy());
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    if (weather === 'lost answer') {
      socket.pipe(upstream);
      upstream.once('data', () => socket.destroy());
      return;
    }
    if (weather === 'reset') {
      socket.once('data', () => socket.resetAndDestroy());
      return;
    }
    if (weather === 'slow') {
      trickle(socket, upstream).catch(() => upstream.destroy());
      upstream.pipe(socket);
      return;
    }
    socket.pipe(upstream);
    upstream.pipe(socket);
  }
}

async function trickle(from: Socket, to: Socket): Promise<void> {
  for await (const chunk of from) {
    to.write(chunk as Buffer);
    await pause(50);
  }
  to.end();
}
