// Writes the schema of the chart's values, and values for the chart of NATS. By the schema, Helm refuses what it does not know. The settings of a service are the variables
// that its own configuration reads, so that a new one is a value of the chart without a word here.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { datasetService } from '../../apps/dataset/dist/service.js';
import { evaluatorService } from '../../apps/evaluator/dist/service.js';
import { gatewayService } from '../../apps/gateway/dist/service.js';
import { mergerService } from '../../apps/merger/dist/service.js';
import { publisherService } from '../../apps/publisher/dist/service.js';
import { trainerService } from '../../apps/trainer/dist/service.js';
import { serviceNames } from '../../libs/contracts/dist/index.js';
import { permissionsOf } from '../../libs/messaging/dist/index.js';

const services = [gatewayService, datasetService, trainerService, mergerService, evaluatorService, publisherService];

/** Variables that values of the chart or the images set. */
const set = new Set([
  ...['NATS_URL', 'POSTGRES_URL', 'HTTP_HOST', 'HTTP_PORT', 'GRPC_HOST', 'GRPC_PORT', 'WORK_DIR', 'ENGINE_PYTHON'],
  'LM_EVAL_PACKAGES',
  ...['S3_ENDPOINT', 'S3_PUBLIC_ENDPOINT', 'S3_ACCESS_KEY', 'S3_SECRET_KEY', 'S3_BUCKET', 'S3_REGION'],
  ...['STOP_GRACE_SECONDS', 'FILE_ROOTS', 'API_KEY', 'INFERENCE_KEY', 'HF_ENDPOINT', 'HF_TOKEN'],
  ...['OFFLINE', 'HF_HUB_OFFLINE', 'ON_STOP', 'KUBECONFIG', 'KUBERNETES_NAMESPACE'],
  ...['TRAINING_HOST', 'MERGE_HOST', 'EVALUATION_HOST'],
  ...['KUBERNETES_INSTALLATION', 'KUBERNETES_IMAGE', 'KUBERNETES_PYTHON', 'KUBERNETES_ENGINE_CODE', 'KUBERNETES_HOSTS'],
  ...['KUBERNETES_GPU_RESOURCE', 'KUBERNETES_PULL_SECRET'],
]);

const object = (properties, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const text = { type: 'string' };
const oneLine = { type: 'string', pattern: '^[^\\s]*$' };
const name = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$', maxLength: 253 };
const nameOrNone = { type: 'string', pattern: '^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$', maxLength: 253 };
const key = { type: 'string', pattern: '^[-._a-zA-Z0-9]+$' };
const flag = { type: 'boolean' };
const port = { type: 'integer', minimum: 1, maximum: 65_535 };
const count = { type: 'integer', minimum: 0 };
const quantity = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$' };
const namespaces = { type: 'array', items: name };
const place = {
  namespace: nameOrNone,
  cidrs: { type: 'array', items: { type: 'string', pattern: '^[0-9a-fA-F.:]+/[0-9]{1,3}$' } },
};
const host = { type: 'string', pattern: '^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$' };
const httpUrl = { type: 'string', pattern: '^https?://[^\\s/@]+$' };
const image = object({
  repository: { type: 'string', pattern: '^[a-z0-9][-a-z0-9._/:]*$' },
  tag: { type: 'string', pattern: '^[A-Za-z0-9_]?[-A-Za-z0-9_.]*$' },
});
const admin = object({ user: { type: 'string', pattern: '^[A-Za-z0-9_]+$' }, secret: name, key });

/** The form of one variable as its service declares it; lists and the like are written as text. */
function settingOf({ type, description, ...limits }) {
  // Some follow from the machine that this runs on.
  delete limits.default;
  const told = description === undefined ? {} : { description };
  if (type === 'boolean') return { type, ...told };
  if (type === 'integer' || type === 'number') {
    const { maximum, ...others } = limits;
    return { type, ...others, ...(maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }), ...told };
  }
  if (limits.enum) return { type: 'string', enum: limits.enum, ...told };
  return { type: 'string', ...told };
}

function settings({ config }) {
  const { properties } = z.toJSONSchema(config, { io: 'output', unrepresentable: 'any' });
  const own = Object.entries(properties).filter(([variable]) => !set.has(variable));
  return object(Object.fromEntries(own.map(([variable, form]) => [variable, settingOf(form)])), []);
}

const amounts = object({ cpu: quantity, memory: quantity, 'ephemeral-storage': quantity }, []);
const resource = { type: 'string', pattern: '^[a-z0-9.-]+/[A-Za-z0-9._-]+$' };
const gpus = object({ resource, count });
const node = { type: 'string', pattern: '^(cpu|[1-9][0-9]*x[1-9][0-9]*GB)$' };
const jobs = object({ enabled: flag, node });

function service(definition, more = {}) {
  return object({
    replicas: count,
    stopSeconds: { type: 'integer', minimum: 0, maximum: 3600 },
    settings: settings(definition),
    work: object({ size: quantity, storageClass: nameOrNone }),
    resources: object({ requests: amounts, limits: amounts }),
    placement: object({
      nodeSelector: { type: 'object', additionalProperties: text },
      tolerations: {
        type: 'array',
        items: object(
          {
            key: text,
            operator: { enum: ['Exists', 'Equal'] },
            value: text,
            effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
            tolerationSeconds: count,
          },
          [],
        ),
      },
      runtimeClass: nameOrNone,
      priorityClass: nameOrNone,
    }),
    ...more,
  });
}

const ingress = {
  ...object({
    enabled: flag,
    className: nameOrNone,
    host: { type: 'string', pattern: '^([a-z0-9*]([-a-z0-9.]*[a-z0-9])?)?$', maxLength: 253 },
    tls: object({ secret: nameOrNone, inFront: flag }),
    annotations: { type: 'object', additionalProperties: text },
  }),
  // One that is switched on has a name, and a certificate unless something in front of it has one.
  if: { properties: { enabled: { const: true } } },
  then: {
    properties: { host: { minLength: 1 } },
    anyOf: [
      { properties: { tls: { properties: { secret: { minLength: 1 } } } } },
      { properties: { tls: { properties: { inFront: { const: true } } } } },
    ],
  },
};

const further = {
  gateway: { key: object({ secret: name, key }), ingress },
  dataset: { image: { enum: ['engine', 'service'] } },
  trainer: { jobs, gpus, sharedMemory: quantity },
  merger: { jobs: object({ enabled: flag }) },
  evaluator: { jobs, gpus, sharedMemory: quantity, inference: object({ secret: nameOrNone, key, port, ...place }) },
};

const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Values of the chart of Anneal; written by "npm run generate"',
  ...object({
    images: object({
      service: image,
      engine: image,
      pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
      pullSecrets: { type: 'array', items: name },
    }),
    certificates: object({ configMap: nameOrNone, key }),
    secrets: object({ prefix: { type: 'string', pattern: '^[a-z0-9][-a-z0-9.]*$' } }),
    nats: object({ host, port, tls: flag, ...place, admin }),
    postgres: object({
      host,
      port,
      database: { type: 'string', pattern: '^[A-Za-z0-9_-]+$' },
      tls: flag,
      ...place,
      admin,
    }),
    objectStore: object({
      endpoint: httpUrl,
      publicEndpoint: { anyOf: [httpUrl, { const: '' }] },
      bucket: { type: 'string', pattern: '^[a-z0-9][-a-z0-9.]{1,61}[a-z0-9]$' },
      region: oneLine,
      ...place,
    }),
    hub: object({
      endpoint: httpUrl,
      secret: object({ name: nameOrNone, key }),
      tokens: {
        type: 'array',
        items: object({ variable: { type: 'string', pattern: '^HF_TOKEN_[A-Z0-9_]+$' }, secret: name, key }),
      },
    }),
    offline: flag,
    jobs: object({
      namespace: nameOrNone,
      gpuResource: resource,
      apiServer: object({ port, cidrs: place.cidrs }),
    }),
    data: object({ claim: nameOrNone }),
    network: object({
      policies: flag,
      clients: namespaces,
      metrics: namespaces,
      names: object(place),
      further: {
        type: 'array',
        items: object({ service: { enum: services.map((of) => of.name) }, port, ...place }, ['service', 'port']),
      },
    }),
    ...Object.fromEntries(services.map((of) => [of.name, service(of, further[of.name])])),
    // What Helm itself puts beside them where the chart is part of another.
    global: { type: 'object' },
  }),
};
schema.required = schema.required.filter((value) => value !== 'global');

writeFileSync(join(import.meta.dirname, 'anneal', 'values.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);

const secretOf = (name) => (name === 'admin' ? 'anneal-admin' : `anneal-${name}`);
const accounts = {
  ANNEAL: {
    jetstream: 'enabled',
    users: ['admin', ...serviceNames].map((name) => {
      // The chart writes what stands between these marks without quotes, so that the server reads the variable.
      const user = { user: name, password: `<< $NATS_PASSWORD_${name.toUpperCase()} >>` };
      if (name === 'admin') return user;
      const { publish, subscribe } = permissionsOf(name);
      return { ...user, permissions: { publish: { allow: publish }, subscribe: { allow: subscribe } } };
    }),
  },
};
const values = {
  config: {
    jetstream: { enabled: true, fileStore: { pvc: { size: '20Gi' } }, merge: { sync_interval: 'always' } },
    merge: { max_payload: 262_144, accounts },
  },
  container: {
    env: Object.fromEntries(
      ['admin', ...serviceNames].map((name) => [
        `NATS_PASSWORD_${name.toUpperCase()}`,
        { valueFrom: { secretKeyRef: { name: secretOf(name), key: 'nats-password' } } },
      ]),
    ),
  },
};
writeFileSync(
  join(import.meta.dirname, 'nats.values.yaml'),
  `# Generated by "npm run generate" from the declarations of the events: values of the chart "nats" of the NATS project. The
# passwords come from the secrets that Anneal's own chart names, which have to be in the namespace of the broker, too.
${stringify(values, { lineWidth: 0 })}`,
);
