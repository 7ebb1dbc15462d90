import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { broken } from './tar.js';

export const manifestName = 'manifest.json';
/** Of what installers fetch; everything else in a bundle is for the services. */
export const packagesFolder = 'packages';
const format = 'anneal-bundle';
const version = 2;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'no SHA-256');
/** Below the folders that the services look in, by names that lead nowhere else. */
const path = z.string().refine(isBundlePath, 'leads out of the bundle');
const bundleFile = z
  .strictObject({ path, size: z.int().min(0), sha256 })
  .refine(({ path: at, sha256: digest }) => !at.startsWith('sources/content/') || at.endsWith(`/${digest}`), {
    error: 'is named by another digest than it has',
  });
export type BundleFile = z.infer<typeof bundleFile>;

/** What a bundle holds, and how whoever loads it knows that it is whole. */
export const bundleManifest = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  createdAt: z.iso.datetime(),
  /** Names of the RunSpecs that it was made for. */
  runs: z.array(z.string()),
  /** The Hub that was asked: what is in a cache is found again under the same address only. */
  hub: z.url(),
  /** References of the RunSpecs whose content is in it. */
  carried: z.array(z.string()),
  /** References to what lies on a machine or in a store already, and is to be there where the bundle is loaded. */
  left: z.array(z.string()),
  /** Versions of the engine's packages, as its lock file has them. */
  engine: z.record(z.string(), z.string()),
  files: z.array(bundleFile),
});
export type BundleManifest = z.infer<typeof bundleManifest>;

export type BundleContent = Omit<BundleManifest, 'format' | 'version' | 'createdAt'>;

export function writeManifest(content: BundleContent): string {
  const manifest: BundleManifest = { format, version, createdAt: new Date().toISOString(), ...content };
  return `${JSON.stringify(bundleManifest.parse(manifest), null, 2)}\n`;
}

/** @throws Failure ARTIFACT_CORRUPT, or CONFIG_INVALID for a bundle of another version */
export function readManifest(text: string, bundle: string): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken(bundle, 'its manifest is no JSON');
  }
  const head = z.looseObject({ format: z.literal(format), version: z.unknown() }).safeParse(value);
  if (!head.success) throw broken(bundle, 'its manifest is none of a bundle');
  if (head.data.version !== version) {
    throw new Failure(
      'CONFIG_INVALID',
      `${bundle} has the version ${JSON.stringify(head.data.version)}, and this release reads version ${version}.`,
      { remedy: 'Load it with the release that made it, or make it again with this one.', file: bundle },
    );
  }
  const parsed = bundleManifest.safeParse(value);
  if (parsed.success) {
    const paths = parsed.data.files.map((file) => file.path);
    if (new Set(paths).size < paths.length) throw broken(bundle, 'its manifest names a file twice');
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  throw broken(bundle, `its manifest is wrong at ${issue?.path.join('.') ?? '(whole)'}: ${issue?.message ?? ''}`);
}

export async function digestOfFile(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash, signal ? { signal } : {});
  return hash.digest('hex');
}

function isBundlePath(text: string): boolean {
  if (text.includes('\\') || /\p{Cc}/u.test(text)) return false;
  const parts = text.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return false;
  const [top, kind, name, ...rest] = parts;
  if (top === 'sources') {
    if (rest.length > 0 || name === undefined) return false;
    return (
      (kind === 'content' && /^[0-9a-f]{64}$/.test(name)) || (kind === 'entries' && /^[0-9a-f]{64}\.json$/.test(name))
    );
  }
  if (top === packagesFolder) {
    const isSet = /^[0-9a-f]{12}$/.test(kind ?? '');
    return rest.length === 0 && isSet && /^[A-Za-z0-9][A-Za-z0-9._+!-]*$/.test(name ?? '');
  }
  return top === 'models' && name !== undefined;
}
