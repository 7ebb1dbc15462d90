import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';

const urlOf = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });

const number = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

/** What every service reads from its environment. A service spreads this shape into its own schema. */
export const baseConfigShape = {
  NATS_URL: urlOf('nats:', 'tls:').describe('nats://USER:PASSWORD@HOST:PORT of the user of this service.'),
  POSTGRES_URL: urlOf('postgres:', 'postgresql:').describe(
    'postgres://ROLE:PASSWORD@HOST:PORT/DATABASE of the role of this service.',
  ),
  HTTP_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address of health, metrics and, in the gateway, the API.'),
  HTTP_PORT: number(0, 0, 65_535).describe('0 takes a free port.'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  LEASE_SECONDS: number(30, 2, 3600).describe('A worker that is silent for this long loses its job.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: urlOf('http:', 'https:')
    .optional()
    .describe('Base URL of a receiver of OTLP over HTTP, for traces; nothing is traced without it.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Share of the traces begun here that is recorded, 0 to 1.'),
  OFFLINE: z.stringbool().default(false).describe('Nothing outside is asked; what is here works.'),
  HF_HUB_OFFLINE: z.stringbool().default(false).describe('The same, by the name that Hugging Face gives it.'),
  STOP_GRACE_SECONDS: number(20, 0, 3600).describe(
    'How long running work may take to finish when the service is stopped.',
  ),
} as const;

/** Object store, for the services that move bytes. */
export const storeConfigShape = {
  S3_ENDPOINT: urlOf('http:', 'https:'),
  S3_ACCESS_KEY: z.string().min(1),
  S3_SECRET_KEY: z.string().min(1),
  S3_BUCKET: z.string().min(3).default('anneal'),
  S3_REGION: z.string().min(1).default('us-east-1'),
} as const;

/** A folder for work in progress and cached artifacts, for the services that handle files. */
export const workConfigShape = {
  WORK_DIR: z
    .string()
    .min(1)
    .default(join(tmpdir(), 'anneal'))
    .describe('Work in progress and cached artifacts; survives a restart.'),
} as const;

/** Local copies of artifacts, for the services that work on them. */
export const cacheConfigShape = {
  ARTIFACT_CACHE_GIB: z.coerce
    .number()
    .min(0)
    .max(1_000_000)
    .default(50)
    .describe(
      'Artifacts that were fetched are kept below WORK_DIR/artifacts up to this size; what was not used for longest goes first.',
    ),
} as const;

/** Folders below which `file:` references may point; a reference elsewhere is refused. */
export const fileRootsShape = {
  FILE_ROOTS: z
    .string()
    .default('')
    .transform((list) => list.split(':').filter(Boolean))
    .refine((roots) => roots.every(isAbsolute), 'must be absolute folders, separated by ":"')
    .describe('Folders below which file: references may point, separated by ":". None when empty.'),
} as const;

export type BaseConfig = z.infer<z.ZodObject<typeof baseConfigShape>>;

/** Whether nothing outside of this installation may be asked. */
export function isOffline({ OFFLINE, HF_HUB_OFFLINE }: Pick<BaseConfig, 'OFFLINE' | 'HF_HUB_OFFLINE'>): boolean {
  return OFFLINE || HF_HUB_OFFLINE;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a service's configuration; the failure names every variable that is wrong, not only the first. */
export function parseConfig<Config>(schema: z.ZodType<Config>, environment: Environment): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const name = issue.path.map(String).join('.') || '(whole)';
    return given[name] === undefined ? `${name} is missing` : `${name} ${issue.message}`;
  });
  throw new Failure('CONFIG_INVALID', `The environment is not complete: ${problems.join('; ')}.`, {
    remedy: 'Set these variables; the README of the service lists all of them.',
  });
}
