import { defineService, storeProvider } from '@anneal/service';
import { APP_FILTER } from '@nestjs/core';
import { gatewayConfig } from './gateway.config.js';
import { GatewayConsumer } from './gateway.consumer.js';
import { ApiErrorFilter } from './http/api-error.filter.js';
import { HttpEdge } from './http/http.edge.js';
import { RunsController } from './http/runs.controller.js';
import { CreateRuns1767225600000 } from './migrations/1767225600000-CreateRuns.js';
import { RunLedger } from './runs/run.ledger.js';
import { RunQueries } from './runs/run.queries.js';
import { RunRequests } from './runs/run.requests.js';
import { RunTable } from './runs/run.table.js';
import { ProgressFollower } from './watch/progress.follower.js';
import { RunFeed } from './watch/run.feed.js';

export const gatewayService = defineService({
  name: 'gateway',
  config: gatewayConfig,
  migrations: [CreateRuns1767225600000],
  module: (config) => ({
    controllers: [GatewayConsumer, RunsController],
    providers: [
      storeProvider(config),
      RunTable,
      RunLedger,
      RunRequests,
      RunQueries,
      RunFeed,
      ProgressFollower,
      HttpEdge,
      { provide: APP_FILTER, useClass: ApiErrorFilter },
    ],
  }),
});
