import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { Failure } from '@anneal/contracts';
import { noTracer, type Tracer } from '@anneal/tracing';
import { Client } from 'minio';
import type { StoreOptions } from './artifact-types.js';

const MiB = 1024 * 1024;

export interface TransferLimits {
  /** A silent server is given up after this time; large objects are moved in parts that take far less. */
  readonly idleMs: number;
  /** Larger files go in parts of this size. Four at once are held in memory; S3 takes none below 5 MiB. */
  readonly partBytes: number;
}
const socketsAtOnce = 32;
const defaults: TransferLimits = { idleMs: 30_000, partBytes: 32 * MiB };

/** What every operation needs: the client and the one bucket. */
export interface Connection {
  readonly client: Client;
  /** Opens files for readers who take their time; sockets of its own, so that they keep nobody else from the store. */
  readonly reading: Client;
  /** Signs links, and asks nothing: its address is the one that other people know. */
  readonly linking: Client;
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string;
  readonly partBytes: number;
  readonly tracer: Tracer;
  /** Whether parts carry their SHA-256; switched off once when the server does not know the header. */
  partChecksums: boolean;
}

/** Opens no socket yet: the first request does. */
export function connect(options: StoreOptions, limits: Partial<TransferLimits> = {}): Connection {
  const { idleMs, partBytes } = { ...defaults, ...limits };
  const { endpoint, publicEndpoint = endpoint, bucket, region, tracer = noTracer } = options;
  const url = parseEndpoint(endpoint);
  const agent = { keepAlive: true, maxSockets: socketsAtOnce, timeout: idleMs };
  const client = clientAt(url, options, agent);
  // Whoever hands files on bounds how many there are: one that waits for a socket would wait without an end.
  const reading = clientAt(url, options, { ...agent, maxSockets: Infinity });
  const linking = clientAt(parseEndpoint(publicEndpoint), options, agent);
  return { client, reading, linking, bucket, region, endpoint: url.origin, partBytes, tracer, partChecksums: true };
}

function clientAt(url: URL, { accessKey, secretKey, region }: StoreOptions, agentOptions: http.AgentOptions): Client {
  const secure = url.protocol === 'https:';
  return new Client({
    endPoint: url.hostname,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    useSSL: secure,
    accessKey,
    secretKey,
    region,
    pathStyle: true,
    transportAgent: secure ? idleAgentTls(agentOptions) : idleAgent(agentOptions),
    // Retrying is done in retry.ts, which also retries broken connections; the client's own would multiply with it.
    retryOptions: { disableRetry: true },
  });
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/') {
    throw new Failure('CONFIG_INVALID', `"${endpoint}" is not the address of an object store.`, {
      remedy: 'Give the endpoint as http://HOST:PORT or https://HOST, without a path.',
    });
  }
  return url;
}

/**
 * The client has no working time-out: with a server that accepts and then is silent it waits for ever
 * (https://github.com/minio/minio-js). The agent ends such sockets, which fails their request with a network error.
 */
function endWhenIdle(socket: Duplex | null | undefined): void {
  socket?.on('timeout', () => socket.destroy(new Error('the object store was silent for too long')));
}

function idleAgent(options: http.AgentOptions): http.Agent {
  class IdleAgent extends http.Agent {
    override createConnection(...args: Parameters<http.Agent['createConnection']>): Duplex | null | undefined {
      const socket = super.createConnection(...args);
      endWhenIdle(socket);
      return socket;
    }
  }
  return new IdleAgent(options);
}

function idleAgentTls(options: https.AgentOptions): https.Agent {
  class IdleAgent extends https.Agent {
    override createConnection(...args: Parameters<https.Agent['createConnection']>): Duplex | null | undefined {
      const socket = super.createConnection(...args);
      endWhenIdle(socket);
      return socket;
    }
  }
  return new IdleAgent(options);
}
