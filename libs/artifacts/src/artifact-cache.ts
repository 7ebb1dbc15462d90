import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArtifactRef, Manifest } from '@anneal/contracts';
import type { ArtifactStore } from './artifact-store.js';
import { hasSizes } from './directory.js';
import { canonicalManifest, openManifest } from './manifest.js';
import { errorCode, storeFailure } from './store-failure.js';

const hourMs = 60 * 60 * 1000;
/** Older ones belong to nobody: no download stands still for so long. */
const leftOverMs = 24 * hourMs;
/** A copy may be removed while it is being handed out. It is fetched again then, and not much more often. */
const handingTries = 5;

interface SharedDownload {
  readonly path: Promise<string>;
  readonly abort: AbortController;
  waiting: number;
}

interface Copy {
  readonly digest: string;
  readonly bytes: number;
  readonly usedMs: number;
  readonly inUse: boolean;
}

/**
 * Local copies of artifacts, one folder per digest, of which those that were not wanted for longest are removed when there
 * is no room. Several processes may share the directory.
 *
 * Nobody works in the folders themselves: whoever wants an artifact gets names of its own for the files, as hard links in
 * its own folder. So a copy may be removed at any moment, whatever uses it and in whichever process or container: the bytes
 * stay on the disk until the last of their names is gone.
 */
export class ArtifactCache {
  #running = new Map<string, SharedDownload>();

  /**
   * @param maxBytes of the copies together; a single larger artifact is fetched all the same
   * @param freeBytes of the disk that a folder is on
   */
  constructor(
    private readonly store: ArtifactStore,
    private readonly directory: string,
    private readonly maxBytes: number,
    private readonly freeBytes: (folder: string) => Promise<number> = freeBytesOf,
  ) {}

  /**
   * Puts the artifact's files into a folder, which appears when it is complete, and stays as long as its owner leaves it
   * there. Nobody may write into the files.
   *
   * @returns the folder
   */
  async place(ref: ArtifactRef, target: string, signal?: AbortSignal): Promise<string> {
    const there = await stat(target).catch(() => undefined);
    if (there && (await hasSizes(await this.#manifest(ref), target))) return target;
    const own = `${target}.${randomUUID()}`;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const copy = await this.#materialise(ref, signal);
        try {
          await linkFiles(await this.#manifest(ref), copy, own);
          break;
        } catch (error) {
          if (errorCode(error) !== 'ENOENT' || attempt === handingTries) throw error;
          await rm(own, { recursive: true, force: true });
        }
      }
      await rm(target, { recursive: true, force: true });
      await rename(own, target);
      return target;
    } catch (error) {
      await rm(own, { recursive: true, force: true });
      signal?.throwIfAborted();
      throw storeFailure(error, `put an artifact into ${target}`, 'the store');
    }
  }

  /** Lends a folder with the artifact's files to work of this process, for as long as that takes. */
  async use<T>(ref: ArtifactRef, signal: AbortSignal | undefined, work: (directory: string) => Promise<T>): Promise<T> {
    // Named as what a killed process leaves, so that it is removed like that.
    const own = join(this.directory, `${ref.digest}.${randomUUID()}`);
    await mkdir(this.directory, { recursive: true });
    await this.place(ref, own, signal);
    const stillHere = setInterval(() => void touch(own), hourMs).unref();
    try {
      return await work(own);
    } finally {
      clearInterval(stillHere);
      await rm(own, { recursive: true, force: true });
    }
  }

  /** The copy in the cache, fetched if it is not here yet. */
  async #materialise(ref: ArtifactRef, signal?: AbortSignal): Promise<string> {
    signal?.throwIfAborted();
    const download = this.#running.get(ref.digest) ?? this.#start(ref);
    download.waiting += 1;
    return new Promise((resolve, reject) => {
      // Whoever is not needed leaves; the last one takes the download along.
      const leave = (): void => {
        reject(signal?.reason as Error);
        download.waiting -= 1;
        if (download.waiting > 0) return;
        if (this.#running.get(ref.digest) === download) this.#running.delete(ref.digest);
        download.abort.abort(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      void download.path.then(resolve, reject).finally(() => signal?.removeEventListener('abort', leave));
    });
  }

  #start(ref: ArtifactRef): SharedDownload {
    const abort = new AbortController();
    const path = this.#fetch(ref, abort.signal);
    const download = { path, abort, waiting: 0 };
    const forget = (): void => {
      if (this.#running.get(ref.digest) === download) this.#running.delete(ref.digest);
    };
    path.then(forget, forget);
    this.#running.set(ref.digest, download);
    return download;
  }

  async #fetch(ref: ArtifactRef, signal: AbortSignal): Promise<string> {
    const target = join(this.directory, ref.digest);
    try {
      if (await this.#isHere(ref, target)) return target;
      await mkdir(this.directory, { recursive: true });
      await this.#removeLeftOvers();
      const manifest = await this.store.readManifest(ref);
      await this.#makeRoom(bytesOf(manifest));
      // A name of its own for each download: another process may fetch the same artifact, and the first rename wins.
      const own = join(this.directory, `${ref.digest}.${randomUUID()}`);
      try {
        await this.store.getDirectory(ref, own, { signal });
        await this.#keep(manifest, ref.digest, own, target);
      } finally {
        await rm(own, { recursive: true, force: true });
        await rm(`${own}.partial`, { recursive: true, force: true });
      }
      return target;
    } catch (error) {
      signal.throwIfAborted();
      throw storeFailure(error, `keep a copy in ${this.directory}`, 'the store');
    }
  }

  async #isHere(ref: ArtifactRef, target: string): Promise<boolean> {
    const manifest = await this.#noted(ref.digest);
    if (manifest === undefined || !(await hasSizes(manifest, target))) return false;
    await touch(`${target}.json`);
    return true;
  }

  async #manifest(ref: ArtifactRef): Promise<Manifest> {
    return (await this.#noted(ref.digest)) ?? this.store.readManifest(ref);
  }

  /** The manifest beside a copy. The time of its file says when the copy was wanted last. */
  async #noted(digest: string): Promise<Manifest | undefined> {
    try {
      return openManifest(await readFile(join(this.directory, `${digest}.json`)), digest);
    } catch {
      return undefined;
    }
  }

  /** Removes the copies that were not wanted for longest, until so many bytes may come. */
  async #makeRoom(bytes: number): Promise<void> {
    const copies = await this.#copies();
    let held = copies.reduce((sum, copy) => sum + copy.bytes, 0);
    for (const copy of copies.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (held + bytes <= this.maxBytes) {
        if ((await this.freeBytes(this.directory)) > bytes) return;
        // While somebody has the files, the disk gains nothing by it.
        if (copy.inUse) continue;
      }
      await this.#evict(copy.digest);
      held -= copy.bytes;
    }
  }

  async #copies(): Promise<Copy[]> {
    const copies: Copy[] = [];
    for (const name of await readdir(this.directory)) {
      const [, digest] = /^([0-9a-f]{64})\.json$/.exec(name) ?? [];
      const manifest = digest === undefined ? undefined : await this.#noted(digest);
      const noted = await stat(join(this.directory, name)).catch(() => undefined);
      if (digest === undefined || !manifest || !noted) continue;
      const file = await stat(join(this.directory, digest, manifest.files[0]?.path ?? '')).catch(() => undefined);
      const inUse = file !== undefined && file.nlink > 1;
      copies.push({ digest, bytes: bytesOf(manifest), usedMs: noted.mtimeMs, inUse });
    }
    return copies;
  }

  async #evict(digest: string): Promise<void> {
    // Moved away in one step: a copy is whole, or it is not there.
    const gone = join(this.directory, `${digest}.${randomUUID()}`);
    await rename(join(this.directory, digest), gone).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
    });
    await rm(join(this.directory, `${digest}.json`), { force: true });
    await rm(gone, { recursive: true, force: true });
  }

  async #keep(manifest: Manifest, digest: string, own: string, target: string): Promise<void> {
    for (const file of manifest.files) await chmod(join(own, file.path), 0o444);
    const note = `${own}.json`;
    await writeFile(note, canonicalManifest(manifest));
    await rename(note, `${target}.json`);
    try {
      await rename(own, target);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error;
      if (await hasSizes(manifest, target)) return;
      // A damaged copy: moved away in one step, since a reader must never see half of one.
      const damaged = join(this.directory, `${digest}.${randomUUID()}`);
      await rename(target, damaged);
      await rename(own, target);
      await rm(damaged, { recursive: true, force: true });
    }
  }

  async #removeLeftOvers(): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (!/^[0-9a-f]{64}\.[0-9a-f-]{36}/.test(name)) continue;
      const path = join(this.directory, name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && Date.now() - found.mtimeMs > leftOverMs)
        await rm(path, { recursive: true, force: true });
    }
  }
}

/** Names of its own for the files of a copy, or copies of them where the disk has no links between the two folders. */
async function linkFiles({ files }: Manifest, from: string, to: string): Promise<void> {
  for (const { path } of files) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await link(join(from, path), join(to, path)).catch(async (error: unknown) => {
      if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(errorCode(error))) throw error;
      await copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
    });
  }
}

function bytesOf({ files }: Manifest): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Says that something is in use. Another process may have removed it. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
