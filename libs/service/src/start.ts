import { createDataSource, openDatabase, Outbox, OutboxRelay } from '@anneal/jobs';
import {
  connectNats,
  jetstream,
  JetStreamStrategy,
  publishEvent,
  requireServerVersion,
  type NatsConnection,
} from '@anneal/messaging';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DataSource } from 'typeorm';
import { parseConfig, type BaseConfig, type Environment } from './config.js';
import type { ServiceDefinition, WorkerDeclaration, WorkerHost } from './definition.js';
import { createLogger, NestLogger, type Logger } from './logging.js';
import { Metrics } from './metrics.js';
import { ServiceModule, type Foundation } from './service.module.js';

export interface RunningService {
  readonly name: string;
  /** Base URL of its HTTP side. */
  readonly url: string;
  /** Takes no new work, lets running work finish within the grace, publishes what is written, and closes. */
  stop(): Promise<void>;
}

/**
 * Starts a service: configuration, database and migrations, broker, then Nest with HTTP and the event consumer, then
 * the workers. Several services may run in one process; nothing here is global.
 */
export async function startService<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  environment: Environment,
  options: { logger?: Logger } = {},
): Promise<RunningService> {
  const config = parseConfig(definition.config, environment);
  const logger = options.logger ?? createLogger(definition.name, config.LOG_LEVEL);
  const opened: { close: () => Promise<void> }[] = [];
  try {
    const foundation = await lay(definition, config, logger, opened);
    const app = await openApp(definition, foundation);
    opened.push({ close: () => app.close() });
    await foundation.relay.start();
    // Relay and workers stop before the app closes, and what the workers wrote last is still published.
    opened.push({ close: () => foundation.relay.stop() });
    const workers = startWorkers(definition, foundation, app);
    opened.push({
      close: async () => {
        await Promise.all(workers.map((worker) => worker.stop({ graceMs: config.STOP_GRACE_SECONDS * 1000 })));
      },
    });
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    logger.info({ address: url }, 'ready');
    return { name: definition.name, url, stop: () => closeAll(opened) };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function lay<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  config: Config,
  logger: Logger,
  opened: { close: () => Promise<void> }[],
): Promise<Foundation<Config>> {
  const dataSource = await database(definition, config, logger);
  opened.push({ close: () => dataSource.destroy() });
  const connection = await broker(definition.name, config);
  opened.push({ close: () => connection.drain() });
  const stream = jetstream(connection);
  const relay = new OutboxRelay({
    dataSource,
    url: config.POSTGRES_URL,
    publish: (encoded) => publishEvent(stream, encoded),
    log: logger,
  });
  const metrics = new Metrics(definition.name, dataSource, relay);
  const strategy = new JetStreamStrategy({
    connection,
    service: definition.name,
    log: { warn: (message, fields) => logger.warn(fields ?? {}, message) },
    onUndecodable: async ({ subject, streamSequence, reason }) => {
      metrics.undecodable.inc();
      logger.error({ subject, streamSequence, reason }, 'an event could not be read and was put aside');
    },
  });
  return { config, logger, connection, dataSource, outbox: new Outbox(definition.name), relay, strategy, metrics };
}

async function database<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  config: BaseConfig,
  logger: Logger,
): Promise<DataSource> {
  const dataSource = createDataSource({
    url: config.POSTGRES_URL,
    schema: definition.name,
    migrations: [...definition.migrations],
    log: logger,
  });
  await openDatabase(dataSource);
  return dataSource;
}

async function broker(name: string, config: BaseConfig): Promise<NatsConnection> {
  const connection = await connectNats({ url: config.NATS_URL, name: `anneal-${name}` });
  requireServerVersion(connection);
  return connection;
}

async function openApp<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  foundation: Foundation<Config>,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    ServiceModule.of(definition, foundation),
    new FastifyAdapter(),
    {
      logger: new NestLogger(foundation.logger),
      abortOnError: false,
    },
  );
  app.connectMicroservice({ strategy: foundation.strategy });
  await app.startAllMicroservices();
  await app.listen(foundation.config.HTTP_PORT, foundation.config.HTTP_HOST);
  return app;
}

function startWorkers<Config extends BaseConfig>(
  { stage, workers = [] }: ServiceDefinition<Config>,
  { dataSource, outbox, config, logger }: Foundation<Config>,
  app: NestFastifyApplication,
): ReturnType<WorkerDeclaration['start']>[] {
  if (!stage) return [];
  const host: WorkerHost = {
    stage,
    dataSource,
    outbox,
    leaseSeconds: config.LEASE_SECONDS,
    log: logger,
    instanceOf: (work) => app.get(work),
  };
  return workers.map((declared) => declared.start(host));
}

async function closeAll(opened: { close: () => Promise<void> }[]): Promise<void> {
  for (const part of opened.reverse()) await part.close();
}
