import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDeploymentTools, type DeploymentTools } from '@anneal/chart/install';
import { datasetService } from '@anneal/dataset';
import { evaluatorService } from '@anneal/evaluator';
import { gatewayService } from '@anneal/gateway';
import { mergerService } from '@anneal/merger';
import { publisherService } from '@anneal/publisher';
import { parseConfig, type BaseConfig, type ServiceDefinition } from '@anneal/service';
import { SetupError } from '@anneal/setup';
import { trainerService } from '@anneal/trainer';
import { expect } from 'vitest';
import { z } from 'zod';

export const root = join(import.meta.dirname, '..', '..', '..');

export interface DeployedService {
  readonly name: string;
  /** What its configuration reads. */
  readonly variables: ReadonlySet<string>;
  /** @throws Failure CONFIG_INVALID */
  readonly read: (environment: Record<string, string>) => object;
}

function deployed<Config extends BaseConfig>({ name, config }: ServiceDefinition<Config>): DeployedService {
  if (!(config instanceof z.ZodObject)) throw new Error(`the configuration of ${name} is no object`);
  const shape = config.shape as Readonly<Record<string, z.ZodType>>;
  return {
    name,
    variables: new Set(Object.keys(shape)),
    read: (environment) => parseConfig(config, environment),
  };
}

export const services: readonly DeployedService[] = [
  deployed(gatewayService),
  deployed(datasetService),
  deployed(trainerService),
  deployed(mergerService),
  deployed(evaluatorService),
  deployed(publisherService),
];

/** Helm, Docker Compose and the schemas of Kubernetes, or why they are not here. */
export async function findDeploymentTools(): Promise<DeploymentTools | { missing: string }> {
  return installDeploymentTools().catch((error: unknown) => {
    if (error instanceof SetupError && ['SETUP_NETWORK', 'CONFIG_INVALID'].includes(error.code))
      return { missing: error.message };
    throw error;
  });
}

/** Runs a program to its end; what it printed, or an error with what it said. */
export function output(command: string, args: readonly string[], environment?: Record<string, string>): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    ...(environment ? { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment } } : {}),
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** What the last stage of an image sets. */
export function imageEnvironment(image: 'service' | 'engine'): Record<string, string> {
  const text = readFileSync(join(root, 'infra', 'images', `${image}.Dockerfile`), 'utf8').replaceAll('\\\n', ' ');
  const last = text.slice(text.lastIndexOf('\nFROM '));
  const pairs = [...last.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) => line.trim().split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string]));
}

/** The one that has all that a service may use. */
export function imageOf(service: DeployedService): 'service' | 'engine' {
  return service.variables.has('ENGINE_PYTHON') ? 'engine' : 'service';
}

/** Of the Hub's tokens, any may be named by a RunSpec; they are looked up by name when they are needed. */
const namedByRunSpecs = /^HF_TOKEN(_[A-Z0-9_]+)?$/;
/** Read by Node itself. */
const ofNode = new Set(['NODE_ENV', 'NODE_EXTRA_CA_CERTS']);

/**
 * Reads an environment as the service itself does, with what the image sets beside it, and expects that the service
 * knows each variable.
 */
export function expectConfigured(service: DeployedService, environment: Record<string, string>): object {
  const config = service.read({ ...imageEnvironment(imageOf(service)), ...environment });
  const unknown = Object.keys(environment).filter(
    (name) => !service.variables.has(name) && !namedByRunSpecs.test(name) && !ofNode.has(name),
  );
  expect(unknown, service.name).toEqual([]);
  return config;
}

/** A command that an image of ours is started with. */
export function expectStartable(command: readonly string[]): void {
  const [program, script = ''] = command;
  expect(program).toBe('node');
  const source = script.replace(/\/dist\/(.*)\.js$/, '/src/$1.ts');
  expect(existsSync(join(root, source)), `${script} is not there`).toBe(true);
}
