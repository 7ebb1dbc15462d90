import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, realpath, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Failure } from '@anneal/contracts';
import { lockedPackages } from '@anneal/engine';
import { manifestName, packagesFolder, readManifest, type BundleFile, type BundleManifest } from './bundle.manifest.js';
import { broken, readTar } from './tar.js';

const largestManifest = 64 * 1024 * 1024;

/** Where the content of a bundle goes. */
export interface BundlePlaces {
  /** WORK_DIR of the services. */
  readonly workDir: string;
  /** The folder from which installers take packages. */
  readonly cache: string;
}

export interface LoadedBundle extends Pick<BundleManifest, 'runs' | 'carried' | 'left' | 'hub'>, BundlePlaces {
  /** Whether there were packages for the installers in it. */
  readonly packages: boolean;
  readonly files: number;
  readonly bytes: number;
  /** Packages of the engine whose version here is another one than where the bundle was made. */
  readonly differences: readonly { readonly name: string; readonly there: string; readonly here: string }[];
}

interface Opened {
  readonly manifest: BundleManifest;
  readonly files: AsyncIterable<{ path: string; size: number; bytes: AsyncIterable<Buffer> }>;
}

/**
 * Puts the content of a bundle where services and installers of this machine look for it. Nothing appears there before every
 * file was found to be what the manifest says.
 *
 * @throws Failure ARTIFACT_CORRUPT, CONFIG_INVALID or DISK_FULL
 */
export async function loadBundle(
  bundle: string,
  { workDir, cache, say }: BundlePlaces & { say: (line: string) => void },
): Promise<LoadedBundle> {
  const { manifest, files } = await openBundle(bundle);
  const isPackage = (path: string): boolean => path.startsWith(`${packagesFolder}/`);
  const rootOf = (path: string): string => (isPackage(path) ? cache : workDir);
  const bytesBelow = (root: string): number =>
    manifest.files.reduce((sum, { path, size }) => sum + (rootOf(path) === root ? size : 0), 0);
  const roots = [...new Set([workDir, ...manifest.files.map(({ path }) => rootOf(path))])];
  for (const root of roots) {
    await mkdir(root, { recursive: true });
    await requireRoom(root, bytesBelow(root));
  }
  // Beside its place each, so that a file moves there in one step.
  const staging = `.bundle-${randomUUID()}`;
  const staged = (path: string): string => join(rootOf(path), staging, path);
  try {
    say(`checking ${manifest.files.length} files ...`);
    await verify({ manifest, files }, staged, bundle);
    for (const path of manifest.files.map((file) => file.path).toSorted(notesLast)) {
      const target = join(rootOf(path), path);
      await mkdir(dirname(target), { recursive: true });
      await rename(staged(path), target);
    }
    await markUsed(workDir, manifest.files);
  } finally {
    for (const root of roots) await rm(join(root, staging), { recursive: true, force: true });
  }
  const { runs, carried, left, hub, engine } = manifest;
  return {
    ...{ workDir, cache, packages: manifest.files.some(({ path }) => isPackage(path)), runs, carried, left, hub },
    ...{ files: manifest.files.length, bytes: manifest.files.reduce((sum, { size }) => sum + size, 0) },
    differences: differencesOf(engine, await lockedPackages()),
  };
}

async function openBundle(bundle: string): Promise<Opened> {
  const found = await stat(bundle).catch(() => undefined);
  if (found === undefined) {
    throw new Failure('CONFIG_INVALID', `There is no bundle ${bundle}.`, {
      remedy: 'Name the folder or the .tar file that "anneal bundle create" wrote.',
      file: bundle,
    });
  }
  return found.isDirectory() ? openFolder(bundle) : openArchive(bundle);
}

async function openFolder(bundle: string): Promise<Opened> {
  const text = await readFile(join(bundle, manifestName), 'utf8').catch(() => undefined);
  if (text === undefined) throw broken(bundle, 'it has no manifest; making it was interrupted');
  const manifest = readManifest(text, bundle);
  const root = await realpath(bundle);
  async function* files(): Opened['files'] {
    for (const { path } of manifest.files) {
      const file = join(bundle, path);
      const state = await lstat(file).catch(() => undefined);
      if (!state) throw broken(bundle, `${path} is missing`);
      const isInside = (await realpath(file)).startsWith(root + sep);
      if (!state.isFile() || !isInside) throw broken(bundle, `${path} is a link, or no file`);
      yield { path, size: state.size, bytes: createReadStream(file) };
    }
  }
  return { manifest, files: files() };
}

async function openArchive(bundle: string): Promise<Opened> {
  const entries = readTar(bundle);
  const first = await entries.next();
  if (first.done || first.value.path !== manifestName || first.value.size > largestManifest) {
    throw broken(bundle, 'it does not begin with a manifest');
  }
  const chunks: Buffer[] = [];
  for await (const chunk of first.value.bytes) chunks.push(chunk);
  return { manifest: readManifest(Buffer.concat(chunks).toString('utf8'), bundle), files: entries };
}

async function verify({ manifest, files }: Opened, staged: (path: string) => string, bundle: string): Promise<void> {
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  for await (const { path, size, bytes } of files) {
    const file = expected.get(path);
    if (!file)
      throw broken(bundle, `its manifest does not name ${JSON.stringify(path.slice(0, 200))}, or it is in it twice`);
    expected.delete(path);
    if (size !== file.size) throw broken(bundle, `${path} has ${size} bytes, and not ${file.size}`);
    await writeVerified(staged(path), file, bytes, bundle);
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw broken(bundle, `${missing} is missing`);
}

async function writeVerified(
  target: string,
  { path, size, sha256 }: BundleFile,
  bytes: AsyncIterable<Buffer>,
  bundle: string,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const file = await open(target, 'wx', 0o644);
  const hash = createHash('sha256');
  let written = 0;
  try {
    for await (const chunk of bytes) {
      written += chunk.length;
      hash.update(chunk);
      await file.appendFile(chunk);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  if (written !== size) throw broken(bundle, `${path} has ${written} bytes, and not ${size}`);
  if (hash.digest('hex') !== sha256) throw broken(bundle, `${path} has another digest than its manifest says`);
  // As the cache keeps it: nobody writes into what others read.
  if (path.startsWith('sources/content/')) await chmod(target, 0o444);
}

/** What was not used for longest is what a full cache gives up first. */
async function markUsed(workDir: string, files: readonly BundleFile[]): Promise<void> {
  const used = join(workDir, 'sources', 'used');
  await mkdir(used, { recursive: true });
  for (const { path, sha256 } of files) {
    if (path.startsWith('sources/content/')) await writeFile(join(used, sha256), '');
  }
}

/** A note says that something is whole, so it comes after all that it is about. */
function notesLast(a: string, b: string): number {
  return Number(isNote(a)) - Number(isNote(b)) || (a < b ? -1 : 1);
}

function isNote(path: string): boolean {
  return path.startsWith('sources/entries/') || /^(models|packages)\/[^/]+\/[^/]+\.json$/.test(path);
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize > bytes) return;
  throw new Failure('DISK_FULL', `The bundle has ${bytes} bytes for ${folder}, which has room for ${bavail * bsize}.`, {
    remedy: 'Free some space, or name another folder.',
  });
}

function differencesOf(there: Record<string, string>, here: Record<string, string>): LoadedBundle['differences'] {
  return [...new Set([...Object.keys(there), ...Object.keys(here)])].toSorted().flatMap((name) => {
    const [one, other] = [there[name] ?? 'none', here[name] ?? 'none'];
    return one === other ? [] : [{ name, there: one, here: other }];
  });
}
