import { createHash } from 'node:crypto';
import {
  manifest as manifestSchema,
  type ArtifactKind,
  type ArtifactRef,
  type Manifest,
  type ManifestFile,
} from '@anneal/contracts';
import { corrupt } from './store-failure.js';

/** A manifest with the bytes that are stored and the digest that names them. */
export interface SealedManifest {
  readonly manifest: Manifest;
  readonly bytes: Buffer;
  readonly ref: ArtifactRef;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Key of a file's bytes. */
export function contentKey(digest: string): string {
  return `sha256/${digest.slice(0, 2)}/${digest}`;
}

export function manifestKey(digest: string): string {
  return `manifests/${digest}.json`;
}

/**
 * The one form in which a manifest is stored: JSON without blanks, keys in alphabetical order, files sorted by path in
 * UTF-16 code units. The same files give the same bytes, and so the same artifact, on every machine.
 */
export function canonicalManifest({ kind, files, version }: Manifest): Buffer {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return Buffer.from(
    JSON.stringify({
      files: sorted.map(({ path, sha256, size }) => ({ path, sha256, size })),
      kind,
      version,
    }),
  );
}

/** Makes the manifest of these files and its name. */
export function sealManifest(kind: ArtifactKind, files: readonly ManifestFile[]): SealedManifest {
  const bytes = canonicalManifest({ version: 1, kind, files: [...files] });
  const digest = sha256Hex(bytes);
  const manifest = openManifest(bytes, digest);
  return { manifest, bytes, ref: refOf(manifest, digest) };
}

/** Reads stored bytes; throws ARTIFACT_CORRUPT when they are not the manifest of this digest or point outside. */
export function openManifest(bytes: Uint8Array, digest: string): Manifest {
  if (sha256Hex(bytes) !== digest) throw corrupt(`The manifest ${short(digest)} does not have its own digest.`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw corrupt(`The manifest ${short(digest)} is not JSON.`, { retryable: false });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
    throw corrupt(`The manifest ${short(digest)} is not valid${where}.`, { retryable: false });
  }
  checkPaths(parsed.data.files, digest);
  return parsed.data;
}

export function refOf(manifest: Manifest, digest: string): ArtifactRef {
  return {
    kind: manifest.kind,
    digest,
    files: manifest.files.length,
    bytes: manifest.files.reduce((sum, file) => sum + file.size, 0),
  };
}

function checkPaths(files: readonly ManifestFile[], digest: string): void {
  const paths = new Set<string>();
  for (const { path } of files) {
    // eslint-disable-next-line no-control-regex -- a control character in a file name is never meant
    if (/[\u0000-\u001f\u007f]/.test(path)) {
      throw corrupt(`The manifest ${short(digest)} has a path with a control character.`, { retryable: false });
    }
    if (paths.has(path)) throw corrupt(`The manifest ${short(digest)} names ${path} twice.`, { retryable: false });
    paths.add(path);
  }
  for (const path of paths) {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      if (!paths.has(path.slice(0, end))) continue;
      const folder = path.slice(0, end);
      throw corrupt(`The manifest ${short(digest)} has ${folder} both as file and as folder.`, { retryable: false });
    }
  }
}

function short(digest: string): string {
  return digest.slice(0, 12);
}
