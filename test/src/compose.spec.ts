import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrateConfig } from '@anneal/cli';
import { serviceNames } from '@anneal/contracts';
import { datasetService } from '@anneal/dataset';
import { evaluatorService } from '@anneal/evaluator';
import { gatewayService } from '@anneal/gateway';
import { mergerService } from '@anneal/merger';
import { publisherService } from '@anneal/publisher';
import { parseConfig } from '@anneal/service';
import { trainerService } from '@anneal/trainer';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const root = join(import.meta.dirname, '..', '..');
const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        image: z.string().optional(),
        build: z
          .object({ context: z.string(), dockerfile: z.string(), args: z.record(z.string(), z.string()) })
          .optional(),
        environment: z.record(z.string(), z.string()).default({}),
        ports: z.array(z.string()).default([]),
        read_only: z.boolean().default(false),
        cap_drop: z.array(z.string()).default([]),
        volumes: z.array(z.string()).default([]),
        profiles: z.array(z.string()).default([]),
      }),
    ),
  })
  .parse(parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }));
const example = readFileSync(join(root, 'infra', 'compose.env.example'), 'utf8');
const declared = new Set([...example.matchAll(/^([A-Z0-9_]+)=/gm)].map((match) => match[1] ?? ''));

/** What compose does with `${NAME:?}` and `${NAME:-default}`, for a file in which everything is set. */
function interpolate(text: string): string {
  return text.replace(/\$\{([A-Z0-9_]+)(?::([?-])([^}]*))?\}/g, (_, name: string, mark?: string, fallback = '') => {
    expect(declared, `infra/compose.env.example does not have ${name}`).toContain(name);
    return mark === '-' ? String(fallback) : `value-of-${name.toLowerCase()}`;
  });
}

const environmentOf = (service: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(compose.services[service]?.environment ?? {}).map(([name, value]) => [name, interpolate(value)]),
  );
// What the images set beside it.
const fromImage = {
  WORK_DIR: '/work',
  HTTP_HOST: '0.0.0.0',
  HTTP_PORT: '8080',
  ENGINE_PYTHON: '/opt/anneal/engine/bin/python',
};

describe('docker-compose.yml', () => {
  const withProfile = (profile?: string): string[] =>
    Object.keys(compose.services).filter((name) => compose.services[name]?.profiles[0] === profile);

  it('has the three servers, the migration step and the six services', () => {
    expect(withProfile().toSorted()).toEqual(['migrate', 'minio', 'nats', 'postgres', ...serviceNames].toSorted());
  });

  it.each([gatewayService, datasetService, trainerService, mergerService, evaluatorService, publisherService])(
    'gives $name an environment that its own configuration takes, each variable known to it',
    (service) => {
      const environment = environmentOf(service.name);
      const config = parseConfig<object>(service.config, { ...environment, ...fromImage });
      // What may be left out is not in the configuration when it is empty.
      const optional = ['HF_TOKEN', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
      const unknown = Object.keys(environment).filter((name) => !(name in config) && !optional.includes(name));
      expect(unknown).toEqual([]);
    },
  );

  it('gives the migration step what it needs', () => {
    expect(() => parseConfig(migrateConfig, environmentOf('migrate'))).not.toThrow();
  });

  it('has Prometheus and Grafana when they are asked for, with files that are there and no known password', () => {
    expect(withProfile('observability')).toEqual(['prometheus', 'grafana']);
    for (const name of ['prometheus', 'grafana']) {
      const { volumes, cap_drop: dropped } = compose.services[name] ?? { volumes: [], cap_drop: [] };
      expect(dropped).toEqual(['ALL']);
      const given = volumes.filter((volume) => volume.startsWith('./'));
      expect(given).toHaveLength(2);
      for (const volume of given) {
        expect(volume).toMatch(/:ro$/);
        expect(existsSync(join(root, volume.split(':')[0] ?? ''))).toBe(true);
      }
    }
    expect(compose.services['grafana']?.environment).toMatchObject({
      GF_SECURITY_ADMIN_PASSWORD: '${GRAFANA_PASSWORD:?}',
    });
  });

  it('publishes nothing beyond this machine', () => {
    for (const { ports } of Object.values(compose.services))
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('runs each service without privileges on an image of its own', () => {
    for (const name of serviceNames) {
      const service = compose.services[name];
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], build: { args: { SERVICE: name } } });
      expect(existsSync(join(root, service?.build?.dockerfile ?? 'missing'))).toBe(true);
    }
  });

  it('pins every image to a version', () => {
    for (const { image } of Object.values(compose.services))
      if (image) expect(image).toMatch(/:[^:]*\d+\.\d+|:RELEASE\./);
  });

  it('names variables only that the example file has, and the other way round', () => {
    const used = new Set(
      [...readFileSync(join(root, 'docker-compose.yml'), 'utf8').matchAll(/\$\{([A-Z0-9_]+)/g)].map(
        (match) => match[1] ?? '',
      ),
    );
    expect([...used].toSorted()).toEqual([...declared].toSorted());
  });
});

describe.each(['service', 'engine'])('%s.Dockerfile', (name) => {
  const lines = readFileSync(join(root, 'infra', 'images', `${name}.Dockerfile`), 'utf8').split('\n');

  it('is made of known instructions, and copies what is there', () => {
    const joined = lines
      .join('\n')
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'));
    for (const line of joined) {
      expect(line).toMatch(/^(FROM|ARG|ENV|WORKDIR|COPY|RUN|USER|VOLUME|EXPOSE|HEALTHCHECK|CMD) /);
      const copied = /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? [];
      for (const path of copied) expect(existsSync(join(root, path)), `${path} is not there`).toBe(true);
    }
  });

  it('does not run as root', () => {
    expect(lines.filter((line) => line.startsWith('USER')).at(-1)).toBe('USER node');
  });
});
