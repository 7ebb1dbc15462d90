import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type RunView, type SystemView } from '@anneal/contracts';
import type { Environment } from '@anneal/service';
import { build } from '@anneal/service/build';
import type { Examined } from '../doctor/check.js';
import type { Endpoints } from '../gateway/endpoints.js';
import { Redaction, secretsOf } from './redaction.js';

const mostLogBytes = 5_000_000;
/** What changes how this program works; the rest of an environment is the user's own. */
const tellingName = /^(ANNEAL_|HF_|S3_|POSTGRES_|NATS_|(HTTPS?|NO|ALL)_PROXY$)/i;

export interface BundleSources {
  readonly environment: Environment;
  readonly dataFolder: string;
  readonly endpoints: () => Promise<Endpoints>;
  readonly findings: () => Promise<readonly Examined[]>;
  readonly system: () => Promise<SystemView>;
  readonly runs: () => Promise<readonly RunView[]>;
}

/**
 * Writes into a new folder what somebody who helps has to know, without secrets. What cannot be had is named with the
 * reason: a bundle is wanted most when something is broken.
 *
 * @returns the names of the files
 */
export async function writeSupportBundle(folder: string, sources: BundleSources): Promise<string[]> {
  const { environment, dataFolder } = sources;
  const endpoints = await orWhy(sources.endpoints);
  const logins = 'unavailable' in endpoints ? {} : endpoints;
  const redaction = new Redaction([...secretsOf(environment), ...secretsOf(logins)]);
  const [doctor, system, runs, log] = await Promise.all([
    orWhy(sources.findings),
    orWhy(sources.system),
    orWhy(sources.runs),
    orWhy(() => endOf(join(dataFolder, 'log', 'services.log'))),
  ]);
  const contents = {
    'about.json': { ...build, node: process.version, platform: process.platform, arch: process.arch, at: new Date() },
    'configuration.json': { dataFolder, endpoints, environment: told(environment) },
    'doctor.json': doctor,
    'system.json': system,
    'runs.json': runs,
    'services.log': log,
  };
  await makeFolder(folder);
  for (const [name, content] of Object.entries(contents)) {
    const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
    await writeFile(join(folder, name), redaction.of(text), { mode: 0o600 });
  }
  return Object.keys(contents);
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new Failure('CONFIG_INVALID', `The folder ${folder} cannot be made (${code}).`, {
      remedy: 'Name another one with --output: a new folder in one that is there and can be written.',
      cause,
    });
  });
}

async function orWhy<Part>(ask: () => Promise<Part>): Promise<Part | { unavailable: string }> {
  return ask().catch((error: unknown) => ({ unavailable: error instanceof Error ? error.message : String(error) }));
}

function told(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => tellingName.test(name)));
}

/** The last megabytes of a log, from the beginning of a line. */
async function endOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - mostLogBytes);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - start), position: start });
    const text = buffer.subarray(0, bytesRead).toString('utf8');
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}
