import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { createDataSource, DeadLetterTable, openDatabase, Outbox, OutboxRelay, type Backoff } from '@anneal/jobs';
import {
  connectNats,
  durableStreamState,
  jetstream,
  JetStreamStrategy,
  onConnectionChange,
  ProgressPublisher,
  publishEvent,
  requireServerVersion,
  type DeadLetterBox,
  type NatsConnection,
} from '@anneal/messaging';
import { startTracing, type Tracer } from '@anneal/tracing';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { build } from './build.js';
import { parseConfig, type BaseConfig, type Environment } from './config.js';
import type { ServiceDefinition, WorkerDeclaration, WorkerHost } from './definition.js';
import { createLogger, NestLogger, type Logger } from './logging.js';
import { Metrics } from './metrics.js';
import type { HttpServer } from './metrics/request.metrics.js';
import { traceRequests, type TracedServer } from './request.spans.js';
import { ServiceModule, type Foundation } from './service.module.js';

export interface RunningService {
  readonly name: string;
  /** Base URL of its HTTP side. */
  readonly url: string;
  /** Where it listens beside HTTP, HOST:PORT by the names of its definition. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Takes no new work, lets running work finish within the grace, publishes what is written, and closes. */
  stop(): Promise<void>;
}

interface StartOptions {
  readonly logger?: Logger;
  /** How long jobs that failed wait for their next attempt; as long as servers take to come back when left out. */
  readonly backoff?: Backoff;
}

interface Opened {
  readonly close: () => Promise<void>;
  /** For what would wait for a server or a client that is silent; the others have limits of their own. */
  readonly withinMs?: number;
}

const closeMs = 3_000;

/**
 * Starts a service: configuration, database and migrations, broker, then Nest with HTTP and the event consumer, then
 * the workers, then what listens beside HTTP. Several services may run in one process; nothing here is global.
 */
export async function startService<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  environment: Environment,
  options: StartOptions = {},
): Promise<RunningService> {
  const config = parseConfig(definition.config, environment);
  const logger = options.logger ?? createLogger(definition.name, config.LOG_LEVEL);
  const opened: Opened[] = [];
  try {
    const tracer = await openTracing(definition.name, config, logger, opened);
    const foundation = await lay(definition, config, logger, tracer, opened);
    const app = await openApp(definition, foundation, opened);
    await foundation.relay.start();
    // Relay and workers stop before the app closes, and what the workers wrote last is still published.
    opened.push({ close: () => foundation.relay.stop() });
    const workers = startWorkers(definition, foundation, app, options);
    opened.push({
      close: async () => {
        await Promise.all(workers.map((worker) => worker.stop({ graceMs: config.STOP_GRACE_SECONDS * 1000 })));
      },
    });
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    const addresses = await openListeners(definition, config, app, opened);
    logger.info({ address: url, ...addresses }, 'ready');
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      foundation.drain.begun = true;
      return (stopping ??= closeAll(opened, logger));
    };
    return { name: definition.name, url, addresses, stop };
  } catch (error) {
    await closeAll(opened, logger);
    throw error;
  }
}

/** Opened before all else, and closed after it: what is closed still has something to tell. */
async function openTracing(
  service: string,
  { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share }: BaseConfig,
  logger: Logger,
  opened: Opened[],
): Promise<Tracer> {
  const onChange = (arriving: boolean, reason?: string): void => {
    if (arriving) logger.info({}, 'traces arrive again');
    else logger.warn({ reason }, 'traces cannot be sent and are lost until their receiver is back');
  };
  const tracing = await startTracing({ service, version: build.version, endpoint, share, onChange });
  opened.push({ close: () => tracing.stop(), withinMs: closeMs });
  return tracing.tracer;
}

async function lay<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  config: Config,
  logger: Logger,
  tracer: Tracer,
  opened: Opened[],
): Promise<Foundation<Config>> {
  const dataSource = createDataSource({
    url: config.POSTGRES_URL,
    schema: definition.name,
    migrations: [...definition.migrations],
    log: logger,
  });
  opened.push({
    close: async () => (dataSource.isInitialized ? dataSource.destroy() : undefined),
    withinMs: closeMs,
  });
  await openDatabase(dataSource);
  const connection = await broker(definition.name, config);
  opened.push({ close: () => connection.close() });
  opened.push({ close: () => connection.drain(), withinMs: closeMs });
  const stream = jetstream(connection);
  const relay = new OutboxRelay({
    dataSource,
    url: config.POSTGRES_URL,
    publish: (encoded) => publishEvent(stream, encoded, tracer),
    streamState: () => durableStreamState(connection),
    log: logger,
  });
  onConnectionChange(connection, () => relay.brokerChanged());
  const deadLetters = new DeadLetterTable(dataSource);
  const kinds = definition.stage ? (definition.workers ?? []).map(({ kind }) => kind) : [];
  const metrics = new Metrics(definition.name, { dataSource, relay, deadLetters, kinds, workDir: workDirOf(config) });
  const strategy = new JetStreamStrategy({
    connection,
    service: definition.name,
    log: { warn: (message, fields) => logger.warn(fields ?? {}, message) },
    deadLetters: watched(deadLetters, metrics, logger),
    tracer,
  });
  const outbox = new Outbox(definition.name, tracer);
  const drain = { begun: false };
  return { config, logger, connection, dataSource, outbox, relay, strategy, metrics, tracer, deadLetters, drain };
}

function workDirOf(config: BaseConfig & { WORK_DIR?: unknown }): string | undefined {
  return typeof config.WORK_DIR === 'string' ? config.WORK_DIR : undefined;
}

/** Dead letters are counted and logged besides. */
function watched(table: DeadLetterTable, metrics: Metrics, logger: Logger): DeadLetterBox {
  return {
    setAside: async (message) => {
      await table.setAside(message);
      metrics.setAside.inc({ cause: message.cause });
      const { subject, streamSequence, eventId, cause, reason } = message;
      logger.error({ subject, streamSequence, eventId, cause, reason }, 'an event was set aside as a dead letter');
    },
    begun: (event) => table.begun(event),
    done: (event) => table.done(event),
    failed: (event) => table.failed(event),
    interrupted: (event) => table.interrupted(event),
  };
}

async function broker(name: string, config: BaseConfig): Promise<NatsConnection> {
  const connection = await connectNats({ url: config.NATS_URL, name: `anneal-${name}` });
  requireServerVersion(connection);
  return connection;
}

async function openApp<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
  foundation: Foundation<Config>,
  opened: Opened[],
): Promise<NestFastifyApplication> {
  const { config, logger, strategy, metrics, tracer } = foundation;
  const adapter = new FastifyAdapter(definition.http);
  traceRequests(adapter.getInstance<TracedServer>(), tracer);
  metrics.ofRequests(adapter.getInstance<HttpServer>());
  const app = await NestFactory.create<NestFastifyApplication>(ServiceModule.of(definition, foundation), adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  opened.push({ close: () => app.close(), withinMs: closeMs });
  app.connectMicroservice({ strategy });
  await app.startAllMicroservices();
  await app.listen(config.HTTP_PORT, config.HTTP_HOST).catch((cause: unknown) => {
    throw explainListen(cause, config);
  });
  return app;
}

function explainListen(cause: unknown, { HTTP_HOST, HTTP_PORT }: BaseConfig): unknown {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE')) return cause;
  return new Failure('PORT_TAKEN', `Something else listens on ${HTTP_HOST}:${HTTP_PORT}.`, {
    remedy: 'Set HTTP_PORT to a free port, or to 0 for any.',
    cause,
  });
}

async function openListeners<Config extends BaseConfig>(
  { listeners = {} }: ServiceDefinition<Config>,
  config: Config,
  app: NestFastifyApplication,
  opened: Opened[],
): Promise<Record<string, string>> {
  const addresses: Record<string, string> = {};
  for (const [name, type] of Object.entries(listeners)) {
    const listener = app.get(type);
    opened.push({ close: () => listener.close({ graceMs: config.STOP_GRACE_SECONDS * 1000 }) });
    addresses[name] = await listener.listen();
  }
  return addresses;
}

function startWorkers<Config extends BaseConfig>(
  { stage, workers = [] }: ServiceDefinition<Config>,
  { dataSource, outbox, config, logger, metrics, tracer }: Foundation<Config>,
  app: NestFastifyApplication,
  { backoff }: StartOptions,
): ReturnType<WorkerDeclaration['start']>[] {
  if (!stage) return [];
  const host: WorkerHost = {
    stage,
    dataSource,
    outbox,
    progress: app.get(ProgressPublisher),
    leaseSeconds: config.LEASE_SECONDS,
    ...(backoff && { backoff }),
    log: logger,
    metrics,
    tracer,
    instanceOf: (work) => app.get(work),
  };
  return workers.map((declared) => declared.start(host));
}

/** Closes what was opened, the last first. What cannot be closed is logged and does not keep the rest open. */
async function closeAll(opened: Opened[], logger: Logger): Promise<void> {
  for (const { close, withinMs } of opened.toReversed()) {
    const late = new AbortController();
    const limit = withinMs === undefined ? [] : [tooLate(withinMs, late.signal)];
    try {
      await Promise.race([close(), ...limit]);
    } catch (error) {
      logger.warn({ err: error }, 'a part of the service could not be closed');
    } finally {
      late.abort();
    }
  }
}

async function tooLate(withinMs: number, signal: AbortSignal): Promise<void> {
  await pause(withinMs, undefined, { signal }).catch(() => undefined);
  if (!signal.aborted) throw new Error(`it took longer than ${withinMs} ms`);
}
