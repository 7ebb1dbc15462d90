import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storePolicyOf } from '@anneal/artifacts';
import { migrateConfig } from '@anneal/cli';
import type { DeploymentTools } from '@anneal/chart/install';
import { serviceNames } from '@anneal/contracts';
import { parseConfig } from '@anneal/service';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  expectConfigured,
  expectStartable,
  findDeploymentTools,
  imageOf,
  output,
  root,
  services,
} from './deployment.fixture.js';

const found = await findDeploymentTools();
const folder = mkdtempSync(join(tmpdir(), 'anneal-compose-'));
const example = readFileSync(join(root, 'infra', 'compose.env.example'), 'utf8');
const declared = [...example.matchAll(/^([A-Z0-9_]+)=/gm)].map(([, name = '']) => name);

const service = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).nullable().default(null),
  entrypoint: z.array(z.string()).nullish(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.looseObject({ host_ip: z.string().optional(), published: z.string() })).default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  privileged: z.boolean().default(false),
  volumes: z
    .array(z.looseObject({ type: z.string(), source: z.string(), read_only: z.boolean().default(false) }))
    .default([]),
  networks: z.record(z.string(), z.unknown()).default({}),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  stop_grace_period: z.string().optional(),
  logging: z.object({ driver: z.string(), options: z.record(z.string(), z.string()) }).optional(),
  deploy: z
    .looseObject({
      resources: z
        .looseObject({
          reservations: z.looseObject({ devices: z.array(z.looseObject({ driver: z.string() })) }).optional(),
        })
        .optional(),
    })
    .optional(),
});
const composed = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().default(false) })),
  volumes: z.record(z.string(), z.looseObject({})),
});
const jaegerConfig = z.object({
  service: z.object({
    extensions: z.array(z.string()),
    pipelines: z.object({ traces: z.object({ receivers: z.array(z.string()), exporters: z.array(z.string()) }) }),
  }),
  receivers: z.object({
    otlp: z.object({ protocols: z.object({ http: z.object({ endpoint: z.string() }) }) }),
  }),
  exporters: z.object({ jaeger_storage_exporter: z.object({ trace_storage: z.string() }) }),
  extensions: z.looseObject({
    jaeger_query: z.object({ storage: z.object({ traces: z.string() }) }),
    jaeger_storage: z.object({
      backends: z.object({
        spans: z.object({
          badger: z.looseObject({ directories: z.object({ keys: z.string(), values: z.string() }) }),
        }),
      }),
    }),
  }),
});
type Composed = z.infer<typeof composed>;

/** The file of an operator who filled in everything, but for what is named. */
function filledIn(changes: Record<string, string> = {}): string {
  const file = join(folder, 'compose.env');
  const filled = example.replace(/^([A-Z0-9_]+)=(.*)$/gm, (_, name: string, value: string) => {
    return `${name}=${changes[name] ?? (value || `hf_value-of-${name.toLowerCase().replaceAll('_', '-')}`)}`;
  });
  const receiver = { COMPOSE_PROFILES: '', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  const inItsForm = { MODELS: '', OFFLINE: '', LM_EVAL_TASKS: '/data/tasks', ...receiver, ...changes };
  const lines = Object.entries(inItsForm).reduce(
    (text, [name, value]) => text.replace(new RegExp(`^${name}=.*`, 'm'), `${name}=${value}`),
    filled,
  );
  writeFileSync(file, lines);
  return file;
}

function compose(files: readonly string[], envFile: string, ...more: string[]): Composed {
  const args = [...files.flatMap((file) => ['-f', file]), '--env-file', envFile, ...more, 'config', '--format', 'json'];
  return composed.parse(JSON.parse(output((found as DeploymentTools).compose, args, {})));
}

/** In place of MinIO's client; of a password it reads the line that the client reads. */
const recorder = `#!/bin/sh
case "$1 $2 $3" in
  'admin user add') IFS= read -r line; echo "$* < $line" ;;
  *) echo "$*" ;;
esac >>"$TOLD"
`;

beforeEach(({ skip }) => {
  if ('missing' in found) skip(found.missing);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('docker-compose.yml, as Docker Compose reads it', () => {
  let whole: Composed = { services: {}, networks: {}, volumes: {} };
  const one = (name: string): z.infer<typeof service> => service.parse(whole.services[name]);
  beforeAll(() => {
    if (!('missing' in found)) whole = compose(['docker-compose.yml'], filledIn(), '--profile', 'observability');
  });

  it('has the three servers, the two steps before the services, and the six services', () => {
    const { services: started } = compose(['docker-compose.yml'], filledIn({ GRAFANA_PASSWORD: '' }));
    expect(Object.keys(started).toSorted()).toEqual(
      ['migrate', 'minio', 'nats', 'postgres', 'store', ...serviceNames].toSorted(),
    );
  });

  it.each(services)('gives $name an environment that its own configuration takes, each variable known to it', (of) => {
    const { environment, command } = one(of.name);
    const config = expectConfigured(of, environment);
    expect(JSON.stringify(config)).not.toContain('${');
    expectStartable(command ?? []);
  });

  it('gives the migration step what it needs', () => {
    expect(() => parseConfig(migrateConfig, one('migrate').environment)).not.toThrow();
  });

  it('has no password of its own: each that is missing is named', () => {
    const secret = declared.filter((name) => /PASSWORD|_KEY$/.test(name) && name !== 'GRAFANA_PASSWORD');
    expect(secret.length).toBeGreaterThan(10);
    for (const name of secret)
      expect(() => compose(['docker-compose.yml'], filledIn({ [name]: '' }))).toThrow(
        new RegExp(`required variable ${name} is missing`),
      );
  });

  it('starts no Grafana without a password', () => {
    const { entrypoint, environment } = one('grafana');
    const [shell = '', ...args] = entrypoint ?? [];
    // As Compose hands it on to the shell.
    const script = (args[1] ?? '').replaceAll('$$', '$').replace('exec /run.sh', 'echo started');
    expect(() => output(shell, [args[0] ?? '', script], { GF_SECURITY_ADMIN_PASSWORD: '' })).toThrow(
      /set GRAFANA_PASSWORD/,
    );
    expect(output(shell, [args[0] ?? '', script], environment)).toBe('started\n');
  });

  it('gives each service its own user of the store, and nobody the one who may do everything', () => {
    const admin = one('minio').environment['MINIO_ROOT_PASSWORD'];
    const { environment, entrypoint, image, command } = one('store');
    expect(image).toBe(one('minio').image);
    expect(environment['MC_HOST_store']).toBe(`http://admin:${admin}@minio:9000`);
    // As its image does it, with a client that writes down what it is told.
    const mounted = (text: string): string => text.replace('/etc/anneal', join(root, 'infra'));
    const [shell = '', ...script] = [...(entrypoint ?? []), ...(command ?? [])].map(mounted);
    const told = join(folder, 'told');
    writeFileSync(join(folder, 'mc'), recorder, { mode: 0o755 });
    const here = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, TMPDIR: folder, TOLD: told };
    output(shell, script, { ...environment, ...here, DATA_BUCKETS: 'rows, more' });
    const lines = readFileSync(told, 'utf8').trim().split('\n');
    const ofServices = serviceNames.flatMap((name) => [
      `admin policy create store ${name} ${join(root, 'infra', 'store', 'policies', `${name}.json`)}`,
      `admin user add store ${name} < ${one(name).environment['S3_SECRET_KEY'] ?? ''}`,
      `admin policy attach store ${name} --user ${name}`,
    ]);
    expect(lines.slice(0, -2)).toEqual(['mb --ignore-existing store/anneal', ...ofServices]);
    expect(lines.slice(-2)).toEqual([
      `admin policy create store data ${join(folder, 'data.json')}`,
      'admin policy attach store data --user dataset',
    ]);
    const { Version, Statement } = storePolicyOf('dataset', { own: 'anneal', data: ['rows', 'more'] });
    expect(JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8'))).toEqual({
      Version,
      Statement: Statement.slice(-2),
    });
    const passwords = serviceNames.map((name) => one(name).environment['S3_SECRET_KEY']);
    expect(new Set([...passwords, admin]).size).toBe(serviceNames.length + 1);
    for (const name of serviceNames) {
      expect(one(name).environment['S3_ACCESS_KEY']).toBe(name);
      expect(JSON.stringify(one(name).environment)).not.toContain(admin);
    }
  });

  it('starts what shows numbers and traces where that is asked for, and has the services send their traces there', () => {
    const endpointsOf = (composed: Composed): (string | undefined)[] =>
      serviceNames.map((name) => composed.services[name]?.environment['OTEL_EXPORTER_OTLP_ENDPOINT']);
    const sent = (changes: Record<string, string>): Composed =>
      compose(['docker-compose.yml'], filledIn({ OTEL_EXPORTER_OTLP_ENDPOINT: '', ...changes }));
    const without = sent({});
    expect(new Set(endpointsOf(without))).toEqual(new Set(['']));
    const asked = sent({ COMPOSE_PROFILES: 'observability' });
    const more = Object.keys(asked.services).filter((name) => !(name in without.services));
    expect(more.toSorted()).toEqual(['grafana', 'jaeger', 'prometheus']);
    expect(new Set(endpointsOf(asked))).toEqual(new Set(['http://jaeger:4318']));
    const elsewhere = { COMPOSE_PROFILES: 'observability', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    expect(new Set(endpointsOf(sent(elsewhere)))).toEqual(new Set(['http://collector:4318']));
  });

  it('has a Jaeger that takes what is sent to it, and keeps it in a volume', () => {
    const { volumes, command, networks } = one('jaeger');
    const jaeger = jaegerConfig.parse(parse(readFileSync(join(root, 'infra', 'observability', 'jaeger.yml'), 'utf8')));
    expect(jaeger.receivers.otlp.protocols.http.endpoint).toBe('0.0.0.0:4318');
    const { traces } = jaeger.service.pipelines;
    expect([traces.receivers, traces.exporters]).toEqual([['otlp'], Object.keys(jaeger.exporters)]);
    expect(jaeger.service.extensions.toSorted()).toEqual(Object.keys(jaeger.extensions).toSorted());
    const { backends } = jaeger.extensions.jaeger_storage;
    expect(Object.keys(backends)).toEqual([jaeger.exporters.jaeger_storage_exporter.trace_storage]);
    expect(jaeger.extensions.jaeger_query.storage.traces).toBe(jaeger.exporters.jaeger_storage_exporter.trace_storage);
    const { keys, values } = backends.spans.badger.directories;
    for (const path of [keys, values]) expect(path).toMatch(/^\/tmp\//);
    expect(volumes).toMatchObject([{ type: 'bind' }, { type: 'volume', source: 'jaeger', target: '/tmp' }]);
    expect(command).toEqual([`--config=${String(volumes[0]?.['target'])}`]);
    for (const name of serviceNames) expect(Object.keys(one(name).networks)).toContain(Object.keys(networks)[0]);
  });

  it('publishes nothing beyond this machine', () => {
    for (const { ports } of Object.values(whole.services))
      for (const port of ports) expect(port.host_ip).toBe('127.0.0.1');
    expect(whole.networks['servers']?.internal).toBe(true);
    for (const name of ['nats', 'postgres']) expect(Object.keys(one(name).networks)).toEqual(['servers']);
  });

  it('runs each service without privileges on the image that has what it needs', () => {
    for (const of of services) {
      const dockerfile = `infra/images/${imageOf(of)}.Dockerfile`;
      expect(one(of.name)).toMatchObject({
        image: `anneal-${imageOf(of)}`,
        read_only: true,
        cap_drop: ['ALL'],
        build: { context: root, dockerfile },
      });
      expect(existsSync(join(root, dockerfile))).toBe(true);
    }
    for (const { privileged, security_opt: options } of Object.values(whole.services)) {
      expect(privileged).toBe(false);
      expect(options).toEqual(['no-new-privileges:true']);
    }
  });

  it('starts the servers, then the two steps, then the services, each when the one before is well', () => {
    const servers = ['minio', 'nats', 'postgres'];
    const conditions = Object.entries(one('migrate').depends_on).map(([name, { condition }]) => [name, condition]);
    expect(conditions.toSorted()).toEqual(servers.map((name) => [name, 'service_healthy']));
    for (const name of servers) expect(one(name).healthcheck?.test[0]).toBe('CMD');
    expect(one('store').depends_on).toMatchObject({ minio: { condition: 'service_healthy' } });
    const completed = { condition: 'service_completed_successfully' };
    for (const name of serviceNames)
      expect(one(name).depends_on).toMatchObject({ migrate: completed, store: completed });
  });

  it('keeps what is to last in named volumes, and mounts files that are there and cannot be changed', () => {
    for (const { volumes } of Object.values(whole.services))
      for (const { type, source, read_only: readOnly } of volumes) {
        if (type === 'volume') expect(Object.keys(whole.volumes)).toContain(source);
        else expect([source, type, readOnly]).toEqual([source, 'bind', true]);
        if (type === 'bind' && source !== join(root, 'data')) expect(existsSync(source), source).toBe(true);
      }
  });

  it('leaves a service longer to stop than its work may take to end', () => {
    for (const of of services) {
      const { environment, stop_grace_period: period = '' } = one(of.name);
      const config = z
        .looseObject({ STOP_GRACE_SECONDS: z.number(), CHECKPOINT_SECONDS: z.number().default(0) })
        .parse(expectConfigured(of, environment));
      const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(period) ?? [];
      const needed = config.STOP_GRACE_SECONDS + 2 * config.CHECKPOINT_SECONDS + 15;
      expect(Number(minutes) * 60 + Number(seconds), of.name).toBeGreaterThan(needed);
    }
  });

  it('keeps no more of a log than has room, whatever the engine does by default', () => {
    for (const { logging } of Object.values(whole.services))
      expect(logging).toEqual({ driver: 'local', options: { 'max-size': '20m', 'max-file': '5' } });
  });

  it('pins every image to a version', () => {
    for (const { image, build } of Object.values(whole.services))
      if (!build) expect(image).toMatch(/:[^:]*\d+\.\d+|:RELEASE\./);
  });

  it('names variables only that the example file has, and the other way round', () => {
    const used = readFileSync(join(root, 'docker-compose.yml'), 'utf8').matchAll(/(?<!\$)\$\{([A-Z0-9_]+)/g);
    expect([...new Set([...used].map(([, name]) => name))].toSorted()).toEqual(declared.toSorted());
  });

  it('gives the GPUs of the host to the services that use them', () => {
    const { services: withGpus } = compose(['docker-compose.yml', 'docker-compose.gpu.yml'], filledIn());
    const users = Object.entries(withGpus).filter(([, { deploy }]) =>
      deploy?.resources?.reservations?.devices.some(({ driver }) => driver === 'nvidia'),
    );
    expect(users.map(([name]) => name).toSorted()).toEqual(['evaluator', 'trainer']);
  });
});
