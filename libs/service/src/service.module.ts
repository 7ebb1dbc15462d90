import { ArtifactStore } from '@anneal/artifacts';
import { Inbox, JobQueue, Outbox, type DeadLetterTable, type OutboxRelay } from '@anneal/jobs';
import { ProgressPublisher, PulsePublisher, type JetStreamStrategy, type NatsConnection } from '@anneal/messaging';
import type { Tracer } from '@anneal/tracing';
import { Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { BaseConfig } from './config.js';
import type { ServiceDefinition } from './definition.js';
import { HealthController } from './health.controller.js';
import type { Logger } from './logging.js';
import { Metrics } from './metrics.js';
import { Pulse } from './pulse.js';
import { readinessOf, type AskReadiness, type Drain } from './readiness.js';
import { RunCourseConsumer } from './run-course.consumer.js';
import { CONFIG, LOGGER, METRICS, NATS, READINESS, TRACER } from './tokens.js';

/** What a service stands on, made before Nest starts. */
export interface Foundation<Config extends BaseConfig> {
  readonly config: Config;
  readonly logger: Logger;
  readonly connection: NatsConnection;
  readonly dataSource: DataSource;
  readonly outbox: Outbox;
  readonly relay: OutboxRelay;
  readonly strategy: JetStreamStrategy;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly deadLetters: DeadLetterTable;
  readonly drain: Drain;
}

@Module({})
export class ServiceModule {
  /** The module of one service: its own controllers and providers, and the foundation for all of them. */
  static of<Config extends BaseConfig>(
    definition: ServiceDefinition<Config>,
    foundation: Foundation<Config>,
  ): DynamicModule {
    const own = definition.module(foundation.config);
    const { dataSource, connection, outbox, strategy, relay, deadLetters, drain, metrics } = foundation;
    const service = definition.name;
    const { stage, workers = [] } = definition;
    const kinds = stage ? workers.map(({ kind, follows, forget }) => ({ kind, stage, follows, forget })) : [];
    return {
      module: ServiceModule,
      imports: own.imports ?? [],
      controllers: [HealthController, ...(definition.stage ? [RunCourseConsumer] : []), ...(own.controllers ?? [])],
      providers: [
        { provide: CONFIG, useValue: foundation.config },
        { provide: LOGGER, useValue: foundation.logger },
        { provide: NATS, useValue: connection },
        { provide: METRICS, useValue: metrics },
        { provide: TRACER, useValue: foundation.tracer },
        {
          provide: READINESS,
          inject: [{ token: ArtifactStore, optional: true }],
          useFactory: (store: ArtifactStore | undefined) => {
            const readiness = readinessOf({ dataSource, connection, strategy, store, drain });
            metrics.ofReadiness(readiness);
            return readiness;
          },
        },
        {
          provide: Pulse,
          inject: [READINESS],
          useFactory: (readiness: AskReadiness) => {
            const publisher = new PulsePublisher(connection);
            return new Pulse({ service, publisher, readiness, dataSource, relay, deadLetters });
          },
        },
        { provide: DataSource, useValue: dataSource },
        { provide: Outbox, useValue: outbox },
        { provide: Inbox, useValue: new Inbox(dataSource, definition.name) },
        { provide: JobQueue, useValue: new JobQueue(kinds) },
        {
          provide: ProgressPublisher,
          useValue: new ProgressPublisher(connection, (word) => metrics.stage?.heard(word)),
        },
        ...(own.providers ?? []),
      ],
    };
  }
}
