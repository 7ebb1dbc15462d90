import { setTimeout as pause } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { Failure } from '@anneal/contracts';
import { CONFIG, type Listener } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { HealthImplementation, type ServingStatusMap } from 'grpc-health-check';
import type { GatewayConfig } from '../gateway.config.js';
import { largestBodyBytes } from '../http/body.js';
import { CallEdge } from './call.edge.js';
import { runsService, unreadRuns } from './protocol.js';
import { reflectedPackage, reflectedServices } from './reflected.js';
import { RunsGrpc } from './runs.grpc.js';

/** The empty name stands for the whole server. */
const healthy: ServingStatusMap = { '': 'SERVING', [runsService]: 'SERVING' };
/** For the last words on open streams to be read, and for streams of others, such as those of health. */
const partingMs = 500;

/** The API over gRPC, with health and reflection, which anybody may ask. */
@Injectable()
export class GrpcServer implements Listener {
  private readonly health = new HealthImplementation(healthy);
  private readonly server = new Server({
    'grpc.max_receive_message_length': largestBodyBytes,
    // A watcher whose host has vanished says nothing, and would be told of its run for ever.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });

  constructor(
    private readonly runs: RunsGrpc,
    private readonly edge: CallEdge,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  async listen(): Promise<string> {
    this.server.addService(unreadRuns, this.runs.handlers());
    this.health.addToServer(this.server);
    new ReflectionService(reflectedPackage(), { services: reflectedServices }).addToServer(this.server);
    const { GRPC_HOST, GRPC_PORT } = this.config;
    const host = GRPC_HOST.includes(':') ? `[${GRPC_HOST}]` : GRPC_HOST;
    return `${host}:${await this.bind(`${host}:${GRPC_PORT}`)}`;
  }

  async close({ graceMs }: { graceMs: number }): Promise<void> {
    for (const name of Object.keys(healthy)) this.health.setStatus(name, 'NOT_SERVING');
    this.edge.stop();
    const closed = new AbortController();
    this.server.tryShutdown(() => closed.abort());
    const { signal } = closed;
    // Ends at once with the last connection: then there is nobody left to wait for.
    await Promise.race([this.edge.idle(), pause(graceMs, undefined, { signal })])
      .then(() => pause(partingMs, undefined, { signal }))
      .catch(() => undefined);
    closed.abort();
    this.server.forceShutdown();
  }

  private bind(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (cause, port) => {
        if (!cause) resolve(port);
        else reject(cause.message.includes('EADDRINUSE') ? portTaken(address, cause) : cause);
      });
    });
  }
}

function portTaken(address: string, cause: Error): Failure {
  return new Failure('PORT_TAKEN', `Something else listens on ${address}.`, {
    remedy: 'Set GRPC_PORT to a free port, or to 0 for any.',
    cause,
  });
}
