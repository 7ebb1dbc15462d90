import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef, Manifest } from '@anneal/contracts';
import type { ArtifactStore } from './artifact-store.js';
import { hasSizes } from './directory.js';
import { canonicalManifest, openManifest } from './manifest.js';
import { errorCode, storeFailure } from './store-failure.js';

/** Older ones belong to nobody: no download stands still for so long. */
const leftOverMs = 24 * 60 * 60 * 1000;

interface SharedDownload {
  readonly path: Promise<string>;
  readonly abort: AbortController;
  waiting: number;
}

/** Read-only local copies of artifacts, one folder per digest. Several processes may share the directory. */
export class ArtifactCache {
  #running = new Map<string, SharedDownload>();

  constructor(
    private readonly store: ArtifactStore,
    private readonly directory: string,
  ) {}

  /** The folder with the artifact's files, fetched if it is not here yet. Nobody may write into it. */
  async materialise(ref: ArtifactRef, signal?: AbortSignal): Promise<string> {
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
    const bytes = await readFile(`${target}.json`).catch(() => undefined);
    if (bytes === undefined) return false;
    try {
      return await hasSizes(openManifest(bytes, ref.digest), target);
    } catch {
      return false;
    }
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
