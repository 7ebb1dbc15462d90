import { join } from 'node:path';
import { storePolicyOf } from '@anneal/artifacts';
import { serviceNames, type ServiceName } from '@anneal/contracts';
import type { EmbeddedServers, S3User } from '@anneal/embedded';
import type { Environment } from '@anneal/service';
import type { InstalledEngine } from '@anneal/engine/install';

export interface HostSettings {
  readonly dataDir: string;
  readonly servers: EmbeddedServers;
  readonly engine: InstalledEngine;
  /** Packages of lm-eval, when they are installed. */
  readonly lmEval: string | undefined;
  readonly apiKey: string;
  /** Of the gateway; a free one each when left out. */
  readonly ports: { readonly http?: number; readonly grpc?: number };
  /** Models that a job of /v1 may start from, NAME=REFERENCE each. */
  readonly models: readonly string[];
}

const inherited = [
  'HF_TOKEN',
  'HF_ENDPOINT',
  'HF_HUB_OFFLINE',
  'OFFLINE',
  'HTTPS_TARGETS',
  'DATA_BUCKETS',
  'SOURCE_MAX_GIB',
  'SOURCE_CACHE_GIB',
  'ARTIFACT_CACHE_GIB',
  'LOG_LEVEL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_TRACES_SAMPLER_ARG',
  'THREADS',
  'DEVICE',
  'LEASE_SECONDS',
  'HOST_NAME',
  'TRAININGS',
  'CPU_PROCESSES',
  'LM_EVAL_TASKS',
  'LM_EVAL_DATA',
] as const;

/** How the evaluator asks models. */
const asking = ['VLLM_PYTHON', 'INFERENCE_URL', 'INFERENCE_KEY', 'CONCURRENCY', 'ANSWER_SECONDS', 'BATCH'] as const;

/** A user of the store for each service, with the rights that it has in every deployment. */
export function storeUsers(): S3User[] {
  const data = (process.env['DATA_BUCKETS'] ?? '').split(',').map((name) => name.trim());
  const buckets = { own: 'anneal', data: data.filter((name) => name !== '') };
  return serviceNames.map((name) => ({ name, policy: storePolicyOf(name, buckets) }));
}

/** The environment of one service on this host: the same variables that a container would get. */
export function serviceEnvironment(service: ServiceName, settings: HostSettings): Environment {
  const { dataDir, servers, engine } = settings;
  const { endpoint, accessKey, secretKey, region } = servers.s3.loginOf(service);
  return {
    ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
    NATS_URL: servers.nats.urlFor(service),
    POSTGRES_URL: servers.postgres.urlFor(service, servers.secret(`postgres-${service}`)),
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY: accessKey,
    S3_SECRET_KEY: secretKey,
    S3_BUCKET: servers.s3.bucket,
    S3_REGION: region,
    WORK_DIR: join(dataDir, 'work'),
    // The user's own machine, account and files: nothing here may be read that the user could not read anyway.
    FILE_ROOTS: '/',
    ENGINE_PYTHON: engine.python,
    LM_EVAL_PACKAGES: settings.lmEval,
    ...(service === 'gateway' ? gatewayEnvironment(settings) : {}),
    ...(service === 'evaluator' ? Object.fromEntries(asking.map((name) => [name, process.env[name]])) : {}),
    // In the foreground nobody is left to adopt a training: it writes a checkpoint and stops.
    ...(service === 'trainer' ? { ON_STOP: 'checkpoint' } : {}),
  };
}

function gatewayEnvironment({ apiKey, ports, models }: HostSettings): Environment {
  return {
    API_KEY: apiKey,
    HTTP_PORT: String(ports.http ?? 0),
    GRPC_PORT: String(ports.grpc ?? 0),
    MODELS: [process.env['MODELS'], ...models].filter(Boolean).join(','),
    // Who runs everything on one machine also has the receiver of a webhook there.
    WEBHOOK_TARGETS: process.env['WEBHOOK_TARGETS'] ?? 'any',
  };
}
