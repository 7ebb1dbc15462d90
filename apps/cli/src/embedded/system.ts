import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames } from '@anneal/contracts';
import { datasetService } from '@anneal/dataset';
import { startServers } from '@anneal/embedded';
import { findLmEval } from '@anneal/engine/install-lm-eval';
import { evaluatorService } from '@anneal/evaluator';
import { gatewayService } from '@anneal/gateway';
import { mergerService } from '@anneal/merger';
import { permissionsOf } from '@anneal/messaging';
import { publisherService } from '@anneal/publisher';
import {
  createLogger,
  logDestination,
  startService,
  type BaseConfig,
  type RunningService,
  type ServiceDefinition,
} from '@anneal/service';
import { trainerService } from '@anneal/trainer';
import { removeEndpoints, writeEndpoints, type Endpoints } from '../gateway/endpoints.js';
import { migrate } from './migrate.js';
import { serviceEnvironment, storeUsers, type HostSettings } from './environments.js';
import type { Installation } from './installation.js';

export interface RunningSystem {
  readonly endpoints: Endpoints;
  /** Services first, then the servers. What was made stays in the data folder. */
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly dataDir: string;
  readonly installation: Installation;
  readonly ports: { http?: number; grpc?: number; nats?: number; postgres?: number; s3?: number };
  /** Models that a job of /v1 may start from, NAME=REFERENCE each. */
  readonly models?: readonly string[];
  readonly say: (line: string) => void;
}

/** Brings up broker, database, object store and all six services, each as it would run alone, in this process. */
export async function startSystem({
  dataDir,
  installation,
  ports,
  models = [],
  say,
}: SystemOptions): Promise<RunningSystem> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const servers = await startServers({
    dataDir,
    binaries: installation.servers,
    ports: {
      ...(ports.nats ? { nats: ports.nats } : {}),
      ...(ports.postgres ? { postgres: ports.postgres } : {}),
      ...(ports.s3 ? { s3: ports.s3 } : {}),
    },
    natsUsers: serviceNames.map((name) => ({ name, permissions: permissionsOf(name) })),
    s3Users: storeUsers(),
    log: say,
  });
  const running: RunningService[] = [];
  const stop = async (): Promise<void> => {
    await removeEndpoints(dataDir);
    await Promise.all(running.map((service) => service.stop()));
    await servers.stop();
  };
  try {
    await migrate({ nats: servers.nats.url, postgres: servers.postgres.url }, (name) =>
      servers.secret(`postgres-${name}`),
    );
    const apiKey = servers.secret('api-key');
    const { engine } = installation;
    const settings: HostSettings = { dataDir, servers, engine, lmEval: findLmEval()?.packages, apiKey, ports, models };
    running.push(...(await startServices(settings)));
    const gateway = running.find(({ name }) => name === 'gateway');
    const endpoints: Endpoints = {
      http: gateway?.url ?? '',
      grpc: gateway?.addresses.grpc ?? '',
      nats: servers.nats.url,
      s3: servers.s3.url,
      postgres: servers.postgres.url,
      apiKey,
    };
    writeEndpoints(dataDir, endpoints);
    return { endpoints, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startServices(settings: HostSettings): Promise<RunningService[]> {
  // One file for all six: the terminal belongs to the person in front of it.
  const destination = logDestination(join(settings.dataDir, 'log', 'services.log'));
  const start = <Config extends BaseConfig>(definition: ServiceDefinition<Config>): Promise<RunningService> => {
    const environment = serviceEnvironment(definition.name, settings);
    const logger = createLogger(definition.name, environment.LOG_LEVEL ?? 'info', destination);
    return startService(definition, environment, { logger });
  };
  const started = await Promise.allSettled([
    start(gatewayService),
    start(datasetService),
    start(trainerService),
    start(mergerService),
    start(evaluatorService),
    start(publisherService),
  ]);
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const broken = started.find((result) => result.status === 'rejected');
  if (broken) {
    await Promise.all(running.map((service) => service.stop()));
    throw broken.reason;
  }
  return running;
}
