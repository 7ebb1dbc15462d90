import 'reflect-metadata';
import {
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  RunCancelled,
  RunFailed,
  TrainRequested,
  type EventData,
  type ReceivedEvent,
} from '@anneal/contracts';
import { Controller, Module, type DynamicModule, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NatsConnection } from './connection.js';
import { encodeEvent, type EncodedEvent } from './envelope.js';
import { JetStreamStrategy, type JetStreamStrategyOptions } from './jetstream.strategy.js';
import { TestNatsServer } from './nats-server.fixture.js';
import { OnEvent } from './on-event.js';
import { jetstream } from './publish.js';
import { migrateTopology } from './topology.js';

type Closing = ReceivedEvent<EventData<typeof RunFailed>>;

/** What the handlers of the tests do; each test sets its own. */
export const handlers: {
  requested: (event: ReceivedEvent) => Promise<void>;
  failed: (event: Closing) => Promise<void>;
} = { requested: nothing, failed: nothing };

@Controller()
class DatasetConsumer {
  @OnEvent(TrainRequested)
  requested(event: ReceivedEvent): Promise<void> {
    return handlers.requested(event);
  }

  @OnEvent(RunFailed)
  failed(event: Closing): Promise<void> {
    return handlers.failed(event);
  }

  @OnEvent(RunCancelled)
  async cancelled(): Promise<void> {}

  @OnEvent(PauseRequested)
  async paused(): Promise<void> {}

  @OnEvent(ResumeRequested)
  async resumed(): Promise<void> {}

  @OnEvent(RetryRequested)
  async retried(): Promise<void> {}
}

@Module({})
class TestModule {
  static of(controller: Type): DynamicModule {
    return { module: TestModule, controllers: [controller] };
  }
}

/** A real broker and services that read the consumer of "dataset". */
export class TestConsumers {
  readonly open: INestMicroservice[] = [];
  readonly warnings: [string, object | undefined][] = [];
  private readonly connections: NatsConnection[] = [];

  private constructor(
    readonly server: TestNatsServer,
    readonly admin: NatsConnection,
  ) {}

  static async start(): Promise<TestConsumers> {
    const server = await TestNatsServer.start();
    const admin = await server.connect('admin');
    await migrateTopology(admin);
    return new TestConsumers(server, admin);
  }

  async serve(options: Partial<JetStreamStrategyOptions> = {}, controller: Type = DatasetConsumer) {
    const connection = await this.server.connect('dataset');
    this.connections.push(connection);
    const strategy = new JetStreamStrategy({
      connection,
      service: 'dataset',
      log: { warn: (message, fields) => this.warnings.push([message, fields]) },
      ...options,
    });
    const app = await NestFactory.createMicroservice(TestModule.of(controller), {
      strategy,
      logger: false,
      abortOnError: false,
    });
    this.open.push(app);
    await app.listen();
    return { app, strategy };
  }

  /** What the consumer has not acknowledged yet. */
  async unsettled(): Promise<number> {
    const manager = await jetstream(this.admin).jetstreamManager();
    const { num_ack_pending, num_pending } = await manager.consumers.info('ANNEAL', 'dataset');
    return num_ack_pending + num_pending;
  }

  /** After each test. */
  async closeAll(): Promise<void> {
    for (const app of this.open.splice(0)) await app.close();
    for (const connection of this.connections.splice(0)) await connection.close();
    handlers.requested = nothing;
    handlers.failed = nothing;
    this.warnings.length = 0;
  }

  async stop(): Promise<void> {
    await this.admin.close();
    await this.server.stop();
  }
}

export function failedEvent(runId: string, id = `failed-${runId}`): EncodedEvent {
  const failure = { code: 'KILLED', message: 'm', remedy: 'r', retryable: true } as const;
  const data = { runId, name: 'n', seconds: 1, stage: 'trainer', failure };
  return encodeEvent(RunFailed, data, { id, source: '/anneal/gateway', runId });
}

async function nothing(): Promise<void> {}
