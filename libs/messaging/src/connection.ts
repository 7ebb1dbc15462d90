import { Failure } from '@anneal/contracts';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { brokerFailure } from './broker-failure.js';

export type { NatsConnection } from '@nats-io/transport-node';

export interface NatsOptions {
  /** `nats://user:password@host:port`; several hosts are separated by commas, `tls://` encrypts. */
  readonly url: string;
  /** How the connection is called in the server's own lists. */
  readonly name: string;
  /** Overrides the user of the url as the owner of the inbox. */
  readonly user?: string;
}

/**
 * Connects to the broker. A first connection that is refused fails at once; one that is lost later comes back by
 * itself, however long it takes.
 *
 * @throws Failure BROKER_UNAVAILABLE, UNAUTHORIZED or CONFIG_INVALID
 */
export async function connectNats({ url, name, user }: NatsOptions): Promise<NatsConnection> {
  const { servers, login, tls } = readUrl(url);
  const owner = user ?? login?.user;
  const options: NodeConnectionOptions = {
    servers,
    name,
    ...(login ? { user: login.user, pass: login.pass } : {}),
    // Every user may listen on the inbox of its own name only: a shared prefix would let it read others' answers.
    ...(owner ? { inboxPrefix: `_INBOX_${owner}` } : {}),
    ...(tls ? { tls: {} } : {}),
    maxReconnectAttempts: -1,
    // A broker that comes back before its users were written must not end the service's connection for good.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 500,
    pingInterval: 20_000,
  };
  try {
    return await connect(options);
  } catch (error) {
    const failure = brokerFailure(error, `a connection to ${servers.join(', ')}`);
    if (failure.code === 'UNAUTHORIZED') throw failure;
    throw new Failure('BROKER_UNAVAILABLE', failure.message, {
      remedy: 'Start the NATS server, or point the NATS url to one that runs.',
      cause: error,
    });
  }
}

/** Refuses a server that lacks what the streams and consumers rely on. */
export function requireServerVersion(nc: NatsConnection): void {
  const version = nc.info?.version ?? '0.0.0';
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > 2 || (major === 2 && minor >= 12)) return;
  throw new Failure('CONFIG_INVALID', `The NATS server is ${version}; 2.12 or newer is needed.`, {
    remedy: 'Upgrade the NATS server, best to 2.14.3 or newer.',
  });
}

/** Knows whether a connection is up right now; the client itself only tells changes. */
export class ConnectionWatch {
  private connected = true;

  constructor(private readonly nc: NatsConnection) {
    void this.follow();
  }

  get up(): boolean {
    return this.connected && !this.nc.isClosed() && !this.nc.isDraining();
  }

  private async follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') this.connected = false;
      if (status.type === 'reconnect') this.connected = true;
    }
  }
}

/** Tells of every loss and every return of a connection, until it is closed: what was known of the broker may no longer hold. */
export function onConnectionChange(nc: NatsConnection, changed: () => void): void {
  const follow = async (): Promise<void> => {
    for await (const { type } of nc.status()) if (type === 'disconnect' || type === 'reconnect') changed();
  };
  void follow();
}

interface ReadUrl {
  servers: string[];
  login: { user: string; pass: string } | undefined;
  tls: boolean;
}

function readUrl(text: string): ReadUrl {
  try {
    const urls = text.split(',').map((part) => new URL(part.includes('://') ? part : `nats://${part}`));
    const [first] = urls;
    if (!first || urls.some((url) => url.hostname === '' || !['nats:', 'tls:'].includes(url.protocol))) {
      throw new TypeError('no NATS url');
    }
    return {
      servers: urls.map((url) => `${url.hostname}:${url.port || '4222'}`),
      login:
        first.username === ''
          ? undefined
          : { user: decodeURIComponent(first.username), pass: decodeURIComponent(first.password) },
      tls: first.protocol === 'tls:',
    };
  } catch (error) {
    // The text is not repeated: it holds a password.
    throw new Failure('CONFIG_INVALID', 'The NATS url cannot be read.', {
      remedy: 'Write it as nats://user:password@host:4222.',
      cause: error,
    });
  }
}
