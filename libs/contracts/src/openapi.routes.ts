import { z } from 'zod';
import {
  fileFields,
  fileListQuery,
  openaiFile,
  openaiPart,
  openaiUpload,
  uploadCompletion,
  uploadCreation,
} from './files.api.js';
import {
  checkpointListQuery,
  jobBody,
  jobEventListQuery,
  jobListQuery,
  openaiCheckpoint,
  openaiJob,
  openaiJobEvent,
} from './jobs.api.js';
import { comparisonQuery, runComparison } from './comparison.api.js';
import { deletedOf, openaiModel, pageOf, wholeListOf } from './openai.api.js';
import type { ApiRoute, Content, PlainParameter } from './openapi.route.js';
import { estimate, estimateRequest, measurementList } from './estimates.api.js';
import { runSpec } from './run-spec.js';
import { hostsView } from './hosts.api.js';
import { readiness, systemView } from './system.api.js';
import {
  apiKeyAnswer,
  apiKeyList,
  apiKeyWish,
  artifactFiles,
  artifactLink,
  artifactList,
  evaluationReport,
  newApiKey,
  retryWish,
  runAnswer,
  runList,
  runListQuery,
  specAnswer,
} from './runs.api.js';
import {
  openaiEndpoint,
  webhookChange,
  webhookDelivery,
  webhookEventType,
  webhookListQuery,
  webhookRotation,
  webhookTest,
  webhookTested,
  webhookWish,
} from './webhooks.api.js';

const json = (schema: z.ZodType): Content => ({ types: ['application/json'], schema });
const form = (schema: z.ZodType): Content => ({ types: ['multipart/form-data'], schema });
/** The older names of YAML are read, too, and not promised. */
const spec: Content = { types: ['application/json', 'application/yaml'], schema: runSpec };
const health = z.object({ status: z.enum(['up']) });
const alive = health.extend({ version: z.string(), build: z.string().optional() });

const idempotencyKey: PlainParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'A request that is sent again with the same key and content within an hour makes nothing more.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};
const metadata: PlainParameter = {
  name: 'metadata',
  in: 'query',
  description: 'Pairs that the metadata of a job has to hold, as metadata[KEY]=VALUE.',
  style: 'deepObject',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
};

const steering = {
  cancel: 'Ends it without a model.',
  pause: 'Lets it wait; a training keeps its checkpoint.',
  resume: 'Lets it go on after a pause.',
  retry: 'Lets a failed one go on from its last good stage, or one that published nothing from a stage that is named.',
} as const;

const operators: ApiRoute[] = [
  {
    method: 'get',
    path: '/health/live',
    id: 'live',
    summary: 'Whether the gateway is alive, and which version it is.',
    open: true,
    answers: { 200: json(alive) },
  },
  {
    method: 'get',
    path: '/health/startup',
    id: 'startup',
    summary: 'Whether the gateway has started; it is answered from then on.',
    open: true,
    answers: { 200: json(health) },
  },
  {
    method: 'get',
    path: '/health/ready',
    id: 'ready',
    summary: 'Whether the gateway can work, and what it waits for.',
    open: true,
    answers: { 200: json(readiness), 503: json(readiness) },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'metrics',
    summary: 'Numbers in the form of Prometheus.',
    open: true,
    answers: { 200: { types: ['text/plain'], schema: z.string() } },
  },
  {
    method: 'get',
    path: '/api/openapi.json',
    id: 'openapi',
    summary: 'This document.',
    open: true,
    answers: { 200: json(z.record(z.string(), z.unknown())) },
  },
];

const system: ApiRoute[] = [
  {
    method: 'get',
    path: '/api/system',
    id: 'system',
    summary: 'Every process of every service: versions, health, queues, oldest job, dead letters.',
    answers: { 200: json(systemView) },
  },
  {
    method: 'get',
    path: '/api/hosts',
    id: 'hosts',
    summary: 'The hosts, what holds their GPUs and CPUs, and who waits for them, in line.',
    answers: { 200: json(hostsView) },
  },
];

const run = '/api/runs/{id}';
const runs: ApiRoute[] = [
  {
    method: 'post',
    path: '/api/runs',
    id: 'startRun',
    summary: 'Starts a run from a RunSpec; the same once more is answered with the run that is there.',
    body: spec,
    answers: { 200: json(runAnswer), 202: json(runAnswer) },
    idAt: '/run/id',
    refusals: [409, 422],
  },
  {
    method: 'post',
    path: '/api/runs/validate',
    id: 'validateRun',
    summary: 'The RunSpec with all defaults, or what is wrong with it; starts nothing.',
    body: spec,
    answers: { 200: json(specAnswer) },
  },
  {
    method: 'get',
    path: '/api/runs',
    id: 'listRuns',
    summary: 'The newest runs, or those older than a run.',
    query: runListQuery,
    answers: { 200: json(runList) },
    idAt: '/runs/0/id',
    refusals: [404],
  },
  {
    method: 'get',
    path: '/api/runs/compare',
    id: 'compareRuns',
    summary: 'Two runs side by side: what was asked for, how it went, and what came out.',
    query: comparisonQuery,
    answers: { 200: json(runComparison) },
    refusals: [404],
  },
  {
    method: 'get',
    path: run,
    id: 'findRun',
    summary: 'A run with its stages and their attempts.',
    answers: { 200: json(runAnswer) },
  },
  {
    method: 'get',
    path: `${run}/report`,
    id: 'reportOfRun',
    summary: 'The report of its evaluation.',
    answers: { 200: json(evaluationReport) },
  },
  {
    method: 'get',
    path: `${run}/artifacts`,
    id: 'listArtifacts',
    summary: 'What its stages have stored.',
    answers: { 200: json(artifactList) },
  },
  {
    method: 'get',
    path: `${run}/artifacts/{digest}`,
    id: 'filesOfArtifact',
    summary: 'The files of an artifact.',
    answers: { 200: json(artifactFiles) },
  },
  {
    method: 'get',
    path: `${run}/artifacts/{digest}/files/{path}`,
    id: 'linkToFile',
    summary: 'A link by which the bytes are fetched without a key for 15 minutes; a "/" in the path is written as %2F.',
    answers: { 200: json(artifactLink) },
  },
  ...(['cancel', 'pause', 'resume', 'retry'] as const).map((verb): ApiRoute => ({
    method: 'post',
    path: `${run}/${verb}`,
    id: `${verb}Run`,
    summary: steering[verb],
    answers: { 200: json(runAnswer) },
    refusals: [409],
    ...(verb === 'retry' ? { body: json(retryWish), bodyMayBeAbsent: true } : {}),
  })),
  {
    method: 'get',
    path: '/api/runs/watch',
    id: 'watchRuns',
    summary: 'Server-Sent Events of all runs; Last-Event-ID goes on from a place.',
    answers: { 200: { types: ['text/event-stream'], schema: z.string() } },
  },
  {
    method: 'get',
    path: `${run}/watch`,
    id: 'watchRun',
    summary: 'Server-Sent Events: "run" first and after every change, "progress" in between.',
    answers: { 200: { types: ['text/event-stream'], schema: z.string() } },
  },
];

const estimates: ApiRoute[] = [
  {
    method: 'post',
    path: '/api/estimates',
    id: 'estimate',
    summary:
      'Whether a training fits on hosts that are described, what it takes of each GPU, and how long it may last.',
    body: json(estimateRequest),
    answers: { 200: json(estimate) },
    refusals: [404],
  },
  {
    method: 'get',
    path: '/api/measurements',
    id: 'measurements',
    summary: 'What trainings really took of a GPU, over what had been estimated: it corrects estimates of their kind.',
    answers: { 200: json(measurementList) },
  },
];

const keys: ApiRoute[] = [
  {
    method: 'post',
    path: '/api/keys',
    id: 'createKey',
    summary: 'Makes a key of the API.',
    body: json(apiKeyWish),
    answers: { 201: json(newApiKey) },
    idAt: '/key/id',
  },
  {
    method: 'get',
    path: '/api/keys',
    id: 'listKeys',
    summary: 'All keys, without their secrets.',
    answers: { 200: json(apiKeyList) },
    refusals: [403],
  },
  {
    method: 'delete',
    path: '/api/keys/{id}',
    id: 'revokeKey',
    summary: 'Ends a key.',
    answers: { 200: json(apiKeyAnswer) },
  },
];

const file = '/v1/files/{id}';
const upload = '/v1/uploads/{id}';
const files: ApiRoute[] = [
  {
    method: 'post',
    path: '/v1/files',
    id: 'createFile',
    summary: 'Takes a file of rows, which is checked as soon as it is here.',
    parameters: [idempotencyKey],
    body: form(fileFields.extend({ file: z.file() })),
    answers: { 200: json(openaiFile) },
    idAt: '/id',
    refusals: [409, 507],
  },
  {
    method: 'get',
    path: '/v1/files',
    id: 'listFiles',
    summary: 'The files of the project.',
    query: fileListQuery,
    answers: { 200: json(pageOf(openaiFile)) },
    idAt: '/data/0/id',
    refusals: [404],
  },
  { method: 'get', path: file, id: 'retrieveFile', summary: 'A file.', answers: { 200: json(openaiFile) } },
  {
    method: 'delete',
    path: file,
    id: 'deleteFile',
    summary: 'Forgets a file.',
    answers: { 200: json(deletedOf('file')) },
  },
  {
    method: 'get',
    path: `${file}/content`,
    id: 'contentOfFile',
    summary: 'The bytes of a file.',
    answers: { 200: { types: ['application/octet-stream'], schema: z.file() } },
  },
  {
    method: 'post',
    path: '/v1/uploads',
    id: 'createUpload',
    summary: 'Begins a large file that comes in parts.',
    parameters: [idempotencyKey],
    body: json(uploadCreation),
    answers: { 200: json(openaiUpload) },
    idAt: '/id',
  },
  {
    method: 'post',
    path: `${upload}/parts`,
    id: 'addPart',
    summary: 'Takes a part of at most 64 MiB.',
    parameters: [idempotencyKey],
    body: form(z.object({ data: z.file() })),
    answers: { 200: json(openaiPart) },
    refusals: [409, 507],
  },
  {
    method: 'post',
    path: `${upload}/complete`,
    id: 'completeUpload',
    summary: 'Makes one file of the parts that are named.',
    body: json(uploadCompletion),
    answers: { 200: json(openaiUpload) },
    refusals: [409, 507],
  },
  {
    method: 'post',
    path: `${upload}/cancel`,
    id: 'cancelUpload',
    summary: 'Gives an upload up.',
    answers: { 200: json(openaiUpload) },
    refusals: [409],
  },
];

const job = '/v1/fine_tuning/jobs/{id}';
const jobs: ApiRoute[] = [
  {
    method: 'post',
    path: '/v1/fine_tuning/jobs',
    id: 'createJob',
    summary: 'Starts a job, which is a run with the same id.',
    parameters: [idempotencyKey],
    body: json(jobBody),
    answers: { 200: json(openaiJob) },
    idAt: '/id',
    refusals: [422],
  },
  {
    method: 'get',
    path: '/v1/fine_tuning/jobs',
    id: 'listJobs',
    summary: 'The jobs of the project.',
    query: jobListQuery,
    parameters: [metadata],
    answers: { 200: json(pageOf(openaiJob)) },
    idAt: '/data/0/id',
    refusals: [404],
  },
  { method: 'get', path: job, id: 'retrieveJob', summary: 'A job.', answers: { 200: json(openaiJob) } },
  ...(['cancel', 'pause', 'resume'] as const).map((verb): ApiRoute => ({
    method: 'post',
    path: `${job}/${verb}`,
    id: `${verb}Job`,
    summary: steering[verb],
    answers: { 200: json(openaiJob) },
    refusals: [409],
  })),
  {
    method: 'get',
    path: `${job}/events`,
    id: 'listJobEvents',
    summary: 'What a job has told, the newest first.',
    query: jobEventListQuery,
    answers: { 200: json(pageOf(openaiJobEvent)) },
  },
  {
    method: 'get',
    path: `${job}/checkpoints`,
    id: 'listCheckpoints',
    summary: 'Checkpoints that can be used as models.',
    query: checkpointListQuery,
    answers: { 200: json(pageOf(openaiCheckpoint)) },
  },
];

const models: ApiRoute[] = [
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    summary: 'Base models, and the models that were tuned here.',
    answers: { 200: json(wholeListOf(openaiModel)) },
    idAt: '/data/0/id',
  },
  {
    method: 'get',
    path: '/v1/models/{model}',
    id: 'retrieveModel',
    summary: 'A model; a "/" in its name is written as %2F.',
    answers: { 200: json(openaiModel) },
  },
  {
    method: 'delete',
    path: '/v1/models/{model}',
    id: 'deleteModel',
    summary: 'Forgets a model that was tuned here.',
    answers: { 200: json(deletedOf('model')) },
  },
];

const endpoint = '/v1/webhook_endpoints/{id}';
const webhooks: ApiRoute[] = [
  {
    method: 'get',
    path: '/v1/webhook_event_types',
    id: 'listWebhookEventTypes',
    summary: 'What endpoints can be told of.',
    answers: { 200: json(wholeListOf(webhookEventType)) },
  },
  {
    method: 'post',
    path: '/v1/webhook_endpoints',
    id: 'createWebhookEndpoint',
    summary: 'Names an address to which the ends of jobs are delivered.',
    parameters: [idempotencyKey],
    body: json(webhookWish),
    answers: { 200: json(openaiEndpoint) },
    idAt: '/id',
    refusals: [409],
  },
  {
    method: 'get',
    path: '/v1/webhook_endpoints',
    id: 'listWebhookEndpoints',
    summary: 'The endpoints of the project.',
    query: webhookListQuery,
    answers: { 200: json(pageOf(openaiEndpoint)) },
    idAt: '/data/0/id',
    refusals: [404],
  },
  {
    method: 'get',
    path: endpoint,
    id: 'retrieveWebhookEndpoint',
    summary: 'An endpoint.',
    answers: { 200: json(openaiEndpoint) },
  },
  {
    method: 'post',
    path: endpoint,
    id: 'updateWebhookEndpoint',
    summary: 'Changes what is named of an endpoint.',
    body: json(webhookChange),
    answers: { 200: json(openaiEndpoint) },
  },
  {
    method: 'delete',
    path: endpoint,
    id: 'deleteWebhookEndpoint',
    summary: 'Forgets an endpoint.',
    answers: { 200: json(deletedOf('webhook_endpoint.deleted')) },
  },
  {
    method: 'post',
    path: `${endpoint}/rotate_secret`,
    id: 'rotateWebhookSecret',
    summary: 'Gives an endpoint a new secret.',
    body: json(webhookRotation),
    answers: { 200: json(openaiEndpoint) },
  },
  {
    method: 'post',
    path: `${endpoint}/test`,
    id: 'testWebhookEndpoint',
    summary: 'Delivers one event outside the order; an endpoint that does not take it is a 400.',
    body: json(webhookTest),
    answers: { 200: json(webhookTested) },
  },
  {
    method: 'get',
    path: `${endpoint}/deliveries`,
    id: 'listWebhookDeliveries',
    summary: 'What was delivered, and how often it was tried.',
    answers: { 200: json(wholeListOf(webhookDelivery)) },
  },
];

/** Every route of the gateway. A test of the gateway holds it against what its controllers declare. */
export const apiRoutes: readonly ApiRoute[] = [
  ...operators,
  ...system,
  ...runs,
  ...estimates,
  ...keys,
  ...files,
  ...jobs,
  ...models,
  ...webhooks,
];
