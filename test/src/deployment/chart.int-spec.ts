import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrateConfig } from '@anneal/cli';
import type { DeploymentTools } from '@anneal/chart/install';
import { serviceNames } from '@anneal/contracts';
import { labelsOf, type ClusterWork } from '@anneal/kubernetes';
import { parseConfig } from '@anneal/service';
import { objectProblems, restrictedProblems } from '@anneal/testing';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  budget,
  environmentOf,
  examples,
  policy,
  renderChart,
  workload,
  type Container,
  type Rendered,
} from './chart.fixture.js';
import {
  expectConfigured,
  expectStartable,
  findDeploymentTools,
  imageOf,
  output,
  services,
} from './deployment.fixture.js';

const found = await findDeploymentTools();
const tools = found as DeploymentTools;

beforeEach(({ skip }) => {
  if ('missing' in found) skip(found.missing);
});

const component = ({ metadata }: Rendered): string => metadata.labels['app.kubernetes.io/component'] ?? '';
/** Variables that are there only for others to be made of. */
const parts = ({ env }: Container): Set<string> =>
  new Set(env.flatMap(({ value = '' }) => [...value.matchAll(/\$\(([A-Z0-9_]+)\)/g)].map(([, name = '']) => name)));
const values = readdirSync(examples);
/** What the Jobs of a service do. */
const works = { trainer: 'training', merger: 'merge', evaluator: 'evaluation' } as const;
const labelsOfPods = (work: ClusterWork): Record<string, string> =>
  labelsOf({
    ...{ work, installation: 'anneal', jobId: 'job', runId: 'run', inputs: '', attempt: 1 },
    ...{ turn: 0, token: '1', start: '1' },
  });
const withJobs = z.object({ jobs: z.object({ enabled: z.boolean() }).default({ enabled: false }) }).prefault({});
/** What the checks have to know of an example. */
const givenBy = z.object({
  network: z.object({ policies: z.boolean().default(true) }).prefault({}),
  offline: z.boolean().default(false),
  jobs: z.object({ namespace: z.string() }).default({ namespace: '' }),
  gateway: z
    .object({
      ingress: z
        .object({ enabled: z.boolean(), host: z.string(), tls: z.object({ secret: z.string() }) })
        .default({ enabled: false, host: '', tls: { secret: '' } }),
    })
    .prefault({}),
  dataset: z.object({ image: z.string().default('engine') }).prefault({}),
  trainer: withJobs,
  merger: withJobs,
  evaluator: withJobs,
});

describe.each(values)('the chart with the values of %s', (file) => {
  let objects: Rendered[] = [];
  const given = givenBy.parse(parse(readFileSync(join(examples, file), 'utf8')));
  const makesJobs = (name: string): boolean => name in works && given[name as keyof typeof works].jobs.enabled;
  const ofKind = (kind: string): Rendered[] => objects.filter((object) => object.kind === kind);
  const podOf = (name: string): z.infer<typeof workload>['template']['spec'] => {
    const owner = objects.find((object) => /Deployment|Job/.test(object.kind) && component(object) === name);
    return workload.parse(owner?.spec).template.spec;
  };

  beforeAll(() => {
    if (!('missing' in found)) objects = renderChart(tools.helm, file);
  });

  it.each(['1.30', '1.37'] as const)('makes objects that Kubernetes %s knows, each field of them', (version) => {
    const problemsOf = objectProblems(tools.schemas[version]);
    for (const object of objects) expect(problemsOf(object), object.metadata.name).toEqual([]);
  });

  it('has each service, its account, its budget and its address once, and names nothing twice', () => {
    for (const kind of ['Deployment', 'ServiceAccount', 'PodDisruptionBudget', 'Service'])
      expect(ofKind(kind).map(component).toSorted(), kind).toEqual(serviceNames.toSorted());
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('runs each pod under the restricted standard, without a token of the cluster', () => {
    for (const name of [...serviceNames, 'migrate']) {
      expect(restrictedProblems(podOf(name))).toEqual([]);
      expect(podOf(name).automountServiceAccountToken).toBe(makesJobs(name));
    }
  });

  it.each(services)(
    'gives $name an environment that its own configuration takes, each variable known to it',
    (service) => {
      const [container] = podOf(service.name).containers;
      const environment = environmentOf(container);
      for (const name of parts(container)) Reflect.deleteProperty(environment, name);
      const config = expectConfigured(service, environment);
      expect(JSON.stringify(config)).not.toContain('$(');
      expectStartable(container.command);
    },
  );

  it('runs each service on the image that has what it needs', () => {
    for (const service of services) {
      const image = service.name === 'dataset' ? given.dataset.image : imageOf(service);
      expect(podOf(service.name).containers[0].image).toContain(`/anneal-${image}:`);
    }
  });

  it('gives the migration step what it needs, once before an install and before each upgrade', () => {
    const [container] = podOf('migrate').containers;
    const config = parseConfig(z.record(z.string(), z.string()), environmentOf(container));
    expect(() => parseConfig(migrateConfig, config)).not.toThrow();
    const [job, ...more] = ofKind('Job');
    expect(more).toEqual([]);
    expect(job?.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
    expect(container.command.slice(1)).toEqual(['apps/cli/bin/anneal.js', 'migrate']);
  });

  it('lets services make and end Jobs in one namespace, if they are to, and nobody do anything else in the cluster', () => {
    expect([...ofKind('ClusterRole'), ...ofKind('ClusterRoleBinding')]).toEqual([]);
    const makers = Object.keys(works).filter(makesJobs);
    const { namespace } = given.jobs;
    const rights = z.looseObject({ rules: z.array(z.record(z.string(), z.array(z.string()))) });
    const roles = ofKind('Role').map((role) => [role.metadata.namespace, rights.parse(role).rules]);
    const rules = [
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'watch', 'delete'] },
      { apiGroups: [''], resources: ['configmaps', 'secrets'], verbs: ['create'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
    ];
    expect(roles).toEqual(makers.map(() => [namespace, rules]));
    const bound = ofKind('RoleBinding').map((binding) => [component(binding), binding['subjects']]);
    const accountOf = (name: string) => podOf(name).serviceAccountName;
    const subjects = makers.map((name) => [
      name,
      [{ kind: 'ServiceAccount', name: accountOf(name), namespace: 'anneal' }],
    ]);
    expect(Object.fromEntries(bound)).toEqual(Object.fromEntries(subjects));
  });

  it('lets callers from outside in only where it is to, by TLS, and to the API alone', () => {
    const { enabled, host, tls } = given.gateway.ingress;
    const ingress = ofKind('Ingress').map(({ spec }) => spec);
    const service = objects.find((object) => object.kind === 'Service' && component(object) === 'gateway');
    const backend = { service: { name: service?.metadata.name, port: { name: 'http' } } };
    const paths = ['/api', '/v1'].map((path) => ({ path, pathType: 'Prefix', backend }));
    const rules = [{ host, http: { paths } }];
    expect(ingress).toEqual(
      enabled ? [{ ingressClassName: 'nginx', tls: [{ hosts: [host], secretName: tls.secret }], rules }] : [],
    );
  });

  it('takes everything that is secret from secrets', () => {
    for (const name of [...serviceNames, 'migrate'])
      for (const { name: variable, value, valueFrom } of podOf(name).containers[0].env) {
        if (/PASSWORD|TOKEN|_KEY$/.test(variable)) expect([variable, value]).toEqual([variable, undefined]);
        if (valueFrom === undefined) expect(value).not.toMatch(/:\/\/[^/$]*:[^/$]*@/);
      }
    expect(ofKind('Secret')).toEqual([]);
  });

  it('takes what a service has on its servers from the secret of that service', () => {
    for (const name of serviceNames) {
      const secrets = podOf(name).containers[0].env.flatMap(({ name: variable, valueFrom }) =>
        /^(NATS|POSTGRES|S3)_/.test(variable) && valueFrom ? [[variable, valueFrom.secretKeyRef]] : [],
      );
      const of = (key: string): object => ({ name: `anneal-${name}`, key });
      expect(Object.fromEntries(secrets)).toEqual({
        NATS_PASSWORD: of('nats-password'),
        POSTGRES_PASSWORD: of('postgres-password'),
        S3_ACCESS_KEY: of('s3-access-key'),
        S3_SECRET_KEY: of('s3-secret-key'),
      });
    }
  });

  it('mounts what it names, and gives each service a place to work', () => {
    for (const name of serviceNames) {
      const { containers, volumes } = podOf(name);
      const mounted = containers[0].volumeMounts;
      expect(mounted.map((mount) => mount.name).toSorted()).toEqual(volumes.map((volume) => volume.name).toSorted());
      expect(mounted.map(({ mountPath }) => mountPath)).toEqual(expect.arrayContaining(['/tmp', '/work']));
    }
  });

  it('asks each service at the addresses that every service has', () => {
    for (const name of serviceNames) {
      const { startupProbe, livenessProbe, readinessProbe } = podOf(name).containers[0];
      const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet.path);
      expect(paths).toEqual(['/health/startup', '/health/live', '/health/ready']);
    }
  });

  it('leaves a stopped pod longer than all that its stop waits for', () => {
    for (const service of services) {
      const { containers, terminationGracePeriodSeconds = 0 } = podOf(service.name);
      const environment = environmentOf(containers[0]);
      const checkpoint =
        service.name === 'trainer' && !makesJobs('trainer') ? 2 * Number(environment['CHECKPOINT_SECONDS'] ?? 120) : 0;
      // The pause before the signal, and closing: the relay, and connections with three seconds each.
      const around = 5 + 15;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(
        Number(environment['STOP_GRACE_SECONDS']) + checkpoint + around,
      );
    }
  });

  it('lets one pod of a service be moved at a time', () => {
    for (const object of ofKind('PodDisruptionBudget')) {
      const { maxUnavailable, selector } = budget.parse(object.spec);
      expect(maxUnavailable).toBe(1);
      expect(selector.matchLabels).toMatchObject({ 'app.kubernetes.io/component': component(object) });
    }
  });

  it('closes the network to all pods, and opens to each what it needs', () => {
    const policies = ofKind('NetworkPolicy');
    if (!given.network.policies) return expect(policies).toEqual([]);
    const [deny, ...others] = policies.toSorted((a) => (component(a) === 'network' ? -1 : 1));
    const everything = policy.parse(deny?.spec);
    expect(everything).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] });
    for (const [name, work] of Object.entries(works)) {
      const ofPods = others.filter((object) => component(object) === work);
      expect(ofPods).toHaveLength(makesJobs(name) ? 1 : 0);
      if (ofPods[0] === undefined) continue;
      const { podSelector, ingress, egress } = policy.parse(ofPods[0].spec);
      expect(labelsOfPods(work)).toMatchObject(podSelector.matchLabels);
      expect(ingress).toEqual([]);
      expect(egress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual([53, 53, 9000]);
    }
    for (const name of [...serviceNames, 'migrate']) {
      const owner = objects.find((object) => /Deployment|Job/.test(object.kind) && component(object) === name);
      expect(workload.parse(owner?.spec).template.metadata.labels).toMatchObject(everything.podSelector.matchLabels);
      const own = policy.parse(others.find((object) => component(object) === name)?.spec);
      expect(own.podSelector.matchLabels).toMatchObject({ 'app.kubernetes.io/component': name });
      const urls = Object.entries(environmentOf(podOf(name).containers[0])).filter(([, value]) => URL.canParse(value));
      const needed = urls
        .filter(([variable]) => /^(NATS|POSTGRES|S3_ENDPOINT|INFERENCE)/.test(variable))
        .map(([, url]) => portOf(url));
      const ports = own.egress.flatMap((rule) => rule.ports.map(({ port }) => port));
      const internet = given.offline || name === 'migrate' ? [] : [443];
      const cluster = makesJobs(name) ? [6443] : [];
      expect(new Set(ports)).toEqual(new Set([53, ...needed, ...internet, ...cluster]));
    }
    return undefined;
  });
});

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

const least = (more: object): object => ({
  ...(parse(readFileSync(join(examples, 'one-gpu-node.yaml'), 'utf8')) as object),
  ...more,
});

describe('a value that is wrong', () => {
  it.each<[string, object, RegExp]>([
    ['a misspelt value', { gatway: {} }, /gatway/],
    ['a misspelt value of a service', { trainer: { replica: 2 } }, /replica/],
    ['a misspelt setting', { trainer: { settings: { CHECKPOINT_SECOND: 300 } } }, /CHECKPOINT_SECOND/],
    ['a setting of another service', { merger: { settings: { CORS_ORIGINS: 'https://x.example' } } }, /CORS_ORIGINS/],
    ['a setting that is secret', { evaluator: { settings: { INFERENCE_KEY: 'x' } } }, /INFERENCE_KEY/],
    ['a setting that the chart makes', { gateway: { settings: { NATS_URL: 'nats://x' } } }, /NATS_URL/],
    ['a setting out of its range', { trainer: { settings: { CHECKPOINT_SECONDS: 86_400 } } }, /CHECKPOINT_SECONDS/],
    ['a setting of another kind', { trainer: { settings: { TRAININGS: 'many' } } }, /TRAININGS/],
    ['a number for a switch', { offline: 1 }, /offline/],
    ['a size without a unit that there is', { dataset: { work: { size: '10 GB', storageClass: '' } } }, /size/],
    ['an address with a password', { objectStore: { endpoint: 'https://me:secret@s3.example' } }, /endpoint/],
    ['an image that there is none of', { dataset: { image: 'node' } }, /image/],
    ['an ingress without a name', { gateway: { ingress: { enabled: true, tls: { secret: 'x' } } } }, /host/],
    ['an ingress without TLS', { gateway: { ingress: { enabled: true, host: 'a.example' } } }, /ingress/],
    [
      'an ingress that nobody may come through',
      { gateway: { ingress: { enabled: true, host: 'a.example', tls: { secret: 'x' } } }, network: { clients: [] } },
      /network\.clients/,
    ],
    ['a server that is not named', { nats: { host: '' } }, /nats\/host/],
    [
      'a token that no RunSpec may name',
      { hub: { tokens: [{ variable: 'API_KEY', secret: 'x', key: 'y' }] } },
      /variable/,
    ],
  ])('is refused by its name: %s', (_, wrong, message) => {
    expect(() => renderChart(tools.helm, least(wrong))).toThrow(message);
  });

  it('is refused where nothing is given at all, and every missing value is named', () => {
    const refusal = (): Rendered[] => renderChart(tools.helm, {});
    for (const value of [/nats\/host/, /postgres\/host/, /objectStore\/endpoint/, /images\/service/, /images\/engine/])
      expect(refusal).toThrow(value);
  });
});

describe('the chart', () => {
  it('leaves TLS to what is in front of the ingress where it is told so', () => {
    const ingress = { enabled: true, host: 'a.example', tls: { inFront: true } };
    const [object] = renderChart(tools.helm, least({ gateway: { ingress } })).filter(({ kind }) => kind === 'Ingress');
    expect(object?.spec).not.toHaveProperty('tls');
    expect(objectProblems(tools.schemas['1.37'])(object)).toEqual([]);
  });

  it('is one that Helm finds nothing wrong with', () => {
    const file = join(examples, 'one-gpu-node.yaml');
    expect(output(tools.helm, ['lint', '--strict', 'infra/kubernetes/anneal', '--values', file])).toContain(
      '0 chart(s) failed',
    );
  });

  it('hands large numbers on as they are', () => {
    const objects = renderChart(tools.helm, 'managed-servers.yaml');
    const gateway = objects.find((object) => object.kind === 'Deployment' && component(object) === 'gateway');
    const [container] = workload.parse(gateway?.spec).template.spec.containers;
    expect(environmentOf(container)).toMatchObject({ LARGEST_FILE_BYTES: '17179869184' });
  });

  it('would not be taken by Kubernetes with a field that there is none of', () => {
    const problemsOf = objectProblems(tools.schemas['1.37']);
    const [object] = renderChart(tools.helm, 'one-gpu-node.yaml').filter(({ kind }) => kind === 'Deployment');
    expect(problemsOf({ ...object, spec: { ...object?.spec, replica: 2 } })).toEqual([
      'apps/v1 Deployment: /spec has the unknown field replica',
    ]);
    expect(problemsOf({ ...object, apiVersion: 'apps/v9' })).toEqual(['apps/v9 Deployment is no kind of object']);
  });
});

describe('the values for the chart of NATS', () => {
  const nats = z
    .object({
      config: z.looseObject({
        merge: z.looseObject({
          accounts: z.object({
            ANNEAL: z.looseObject({ users: z.array(z.looseObject({ user: z.string(), password: z.string() })) }),
          }),
        }),
      }),
      container: z.object({
        env: z.record(
          z.string(),
          z.object({ valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }) }),
        ),
      }),
    })
    .parse(parse(readFileSync(join(examples, '..', 'nats.values.yaml'), 'utf8')));

  it('take each password from the secret that the service reads it from', () => {
    const { users } = nats.config.merge.accounts.ANNEAL;
    const objects = renderChart(tools.helm, 'one-gpu-node.yaml');
    expect(users.map(({ user }) => user)).toEqual(['admin', ...serviceNames]);
    for (const { user, password } of users) {
      const [, variable = ''] = /^<< \$(\w+) >>$/.exec(password) ?? [];
      const name = user === 'admin' ? 'migrate' : user;
      const owner = objects.find((object) => /Deployment|Job/.test(object.kind) && component(object) === name);
      const [container] = workload.parse(owner?.spec).template.spec.containers;
      const own = container.env.find((entry) => entry.name === 'NATS_PASSWORD');
      expect([user, nats.container.env[variable]]).toEqual([user, { valueFrom: own?.valueFrom }]);
    }
  });
});
