import { readFile, rm } from 'node:fs/promises';
import { writeFileSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';

/** Where a running system listens; every entry is what a client of its kind takes as an address. */
export const endpoints = z.object({
  http: z.url(),
  grpc: z.string(),
  nats: z.string(),
  s3: z.string(),
  postgres: z.string(),
  apiKey: z.string(),
});
export type Endpoints = z.infer<typeof endpoints>;

/** The data folder of a call: the option, ANNEAL_DATA, or `.anneal` here. */
export function dataFolder(option: string | undefined): string {
  return resolve(option ?? process.env.ANNEAL_DATA ?? '.anneal');
}

const file = (data: string): string => join(data, 'endpoints.json');

/** Written whole and readable by its owner only, since it holds passwords. */
export function writeEndpoints(data: string, value: Endpoints): void {
  const temporary = `${file(data)}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file(data));
}

export async function removeEndpoints(data: string): Promise<void> {
  await rm(file(data), { force: true });
}

/** Finds a running system: ANNEAL_URL and ANNEAL_API_KEY, else the data folder. */
export async function findGateway(option: string | undefined): Promise<Pick<Endpoints, 'http' | 'apiKey'>> {
  const { ANNEAL_URL: http, ANNEAL_API_KEY: apiKey } = process.env;
  if (option === undefined && http && apiKey) return { http, apiKey };
  if (option === undefined && (http || apiKey)) {
    throw new Failure('CONFIG_INVALID', `${http ? 'ANNEAL_API_KEY' : 'ANNEAL_URL'} is missing.`, {
      remedy: 'Set both ANNEAL_URL and ANNEAL_API_KEY, or neither and name a data folder with --data.',
    });
  }
  return readEndpoints(option);
}

/** Everything that a system on a data folder listens with. */
export async function readEndpoints(option: string | undefined): Promise<Endpoints> {
  const data = dataFolder(option);
  let text: string;
  try {
    text = await readFile(file(data), 'utf8');
  } catch (cause) {
    throw new Failure('NOT_RUNNING', `No system is running on ${data}.`, {
      remedy: 'Start one with "npm run up -- --data DIR", or name the right folder with --data or ANNEAL_DATA.',
      cause,
    });
  }
  return endpoints.parse(JSON.parse(text));
}
