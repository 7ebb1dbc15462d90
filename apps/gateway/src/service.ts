import { defineService, storeProvider } from '@anneal/service';
import { APP_FILTER } from '@nestjs/core';
import { EstimatesController } from './estimates/estimates.controller.js';
import { FitCheck } from './estimates/fit.check.js';
import { MeasuredTrainings } from './estimates/measured.trainings.js';
import { MeasurementsController } from './estimates/measurements.controller.js';
import { gatewayConfig } from './gateway.config.js';
import { GatewayConsumer } from './gateway.consumer.js';
import { CallEdge } from './grpc/call.edge.js';
import { GrpcServer } from './grpc/grpc.server.js';
import { RunsGrpc } from './grpc/runs.grpc.js';
import { answerError } from './http/answer-error.js';
import { ArtifactsController } from './http/artifacts.controller.js';
import { ApiErrorFilter } from './http/api-error.filter.js';
import { HttpEdge } from './http/http.edge.js';
import { OpenApiController } from './http/openapi.controller.js';
import { RunsController } from './http/runs.controller.js';
import { Admission } from './keys/admission.js';
import { ApiKeyTable } from './keys/api-key.table.js';
import { ApiKeys } from './keys/api-keys.js';
import { KeysController } from './keys/keys.controller.js';
import { RateLimit } from './keys/rate.limit.js';
import { CreateRuns1767225600000 } from './migrations/1767225600000-CreateRuns.js';
import { CreateProjects1767225800000 } from './migrations/1767225800000-CreateProjects.js';
import { CreateOpenai1767225900000 } from './migrations/1767225900000-CreateOpenai.js';
import { AddRunTree1767226000000 } from './migrations/1767226000000-AddRunTree.js';
import { AddAlarms1767226200000 } from './migrations/1767226200000-AddAlarms.js';
import { AddFileObjective1767226300000 } from './migrations/1767226300000-AddFileObjective.js';
import { AddVerdictRule1767226350000 } from './migrations/1767226350000-AddVerdictRule.js';
import { AddUploadLifetime1767226400000 } from './migrations/1767226400000-AddUploadLifetime.js';
import { AddKeyLimits1767226100000 } from './migrations/1767226100000-AddKeyLimits.js';
import { openaiControllers, openaiProviders } from './openai/openai.surface.js';
import { RunArtifacts } from './runs/run.artifacts.js';
import { RunLedger } from './runs/run.ledger.js';
import { RunQueries } from './runs/run.queries.js';
import { RunRequests } from './runs/run.requests.js';
import { RunTable } from './runs/run.table.js';
import { ServicePulses } from './system/service.pulses.js';
import { HostsController } from './system/hosts.controller.js';
import { SystemController } from './system/system.controller.js';
import { ProgressFollower } from './watch/progress.follower.js';
import { RunChanges } from './watch/run.changes.js';
import { RunFeed } from './watch/run.feed.js';

export const gatewayService = defineService({
  name: 'gateway',
  config: gatewayConfig,
  migrations: [
    CreateRuns1767225600000,
    CreateProjects1767225800000,
    CreateOpenai1767225900000,
    AddRunTree1767226000000,
    AddKeyLimits1767226100000,
    AddAlarms1767226200000,
    AddFileObjective1767226300000,
    AddVerdictRule1767226350000,
    AddUploadLifetime1767226400000,
  ],
  http: {
    // What is refused before there is a route, such as a path that cannot be decoded, is answered in the same form.
    frameworkErrors: (error, request, reply) => {
      void reply.header('x-request-id', request.id);
      answerError(error, request.url, reply);
    },
    // Names of tuned models are longer than the hundred characters that a router takes otherwise.
    routerOptions: { maxParamLength: 500 },
  },
  listeners: { grpc: GrpcServer },
  module: (config) => ({
    controllers: [
      GatewayConsumer,
      OpenApiController,
      RunsController,
      ArtifactsController,
      KeysController,
      SystemController,
      HostsController,
      EstimatesController,
      MeasurementsController,
      ...openaiControllers,
    ],
    providers: [
      // Files of callers pass through this process, and its memory is to stay small meanwhile.
      storeProvider(config, { partBytes: 5 * 1024 * 1024, publicEndpoint: config.S3_PUBLIC_ENDPOINT }),
      ApiKeyTable,
      ApiKeys,
      { provide: RateLimit, useValue: new RateLimit(config.REQUESTS_PER_SECOND) },
      Admission,
      RunTable,
      MeasuredTrainings,
      FitCheck,
      RunLedger,
      RunRequests,
      RunQueries,
      RunArtifacts,
      RunFeed,
      RunChanges,
      ServicePulses,
      ...openaiProviders,
      ProgressFollower,
      HttpEdge,
      CallEdge,
      RunsGrpc,
      GrpcServer,
      ApiErrorFilter,
      { provide: APP_FILTER, useExisting: ApiErrorFilter },
    ],
  }),
});
