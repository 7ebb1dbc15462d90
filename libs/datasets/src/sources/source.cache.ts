import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { downloadTo, type Download } from './download.js';

/** What is left of a download that was given up is kept so long, so that the next one goes on there. */
const partialMs = 7 * 24 * 60 * 60 * 1000;
/** A process that wrote nothing for so long is gone: a download that stalls is given up far sooner. */
const abandonedMs = 10 * 60 * 1000;

const entry = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) });
export type CachedContent = z.infer<typeof entry>;

/** Downloads of this process, so that the same bytes are not fetched twice at once. */
const running = new Map<string, Promise<unknown>>();

/**
 * What was fetched from sources, by its content: `entries/` say which content something outside has, `content/` holds it
 * under its digest, `used/` says when it was wanted last, `partial/` has what is not complete yet. Several processes may share the folder, and each may be killed at
 * any moment: a name appears only when what it names is complete and on the disk.
 */
export class SourceCache {
  constructor(
    private readonly directory: string,
    /** Above this many bytes the content that was not used for longest is removed. */
    private readonly maxBytes: number,
  ) {}

  /**
   * Puts content at a path, if it is here.
   *
   * @param identity what names the content outside and changes with it
   */
  async place(identity: string, target: string): Promise<CachedContent | undefined> {
    const found = await this.note(`content ${identity}`, entry);
    if (!found) return undefined;
    const content = join(this.directory, 'content', found.sha256);
    const there = await stat(content).catch(() => undefined);
    if (there?.size !== found.size) return undefined;
    await this.markUsed(found.sha256);
    return (await linkOrCopy(content, target)) ? found : undefined;
  }

  /** Puts content at a path, and fetches it first if it is not here. What comes of a download is kept for the next try. */
  async fetch(identity: string, target: string, download: Download, signal: AbortSignal): Promise<CachedContent> {
    const key = `${this.directory} ${identity}`;
    for (let other = running.get(key); other; other = running.get(key)) await settled(other, signal);
    const work = this.fetchAlone(identity, target, download, signal);
    running.set(key, work);
    try {
      return await work;
    } finally {
      running.delete(key);
    }
  }

  /** Something small that was learnt of a source, such as the commit of a branch. */
  async note<Value>(key: string, schema: z.ZodType<Value>): Promise<Value | undefined> {
    const text = await readFile(this.noteOf(key), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const parsed = schema.safeParse(JSON.parse(text));
      return parsed.success ? parsed.data : undefined;
    } catch {
      return undefined;
    }
  }

  async setNote(key: string, value: unknown): Promise<void> {
    await mkdir(join(this.directory, 'entries'), { recursive: true });
    await writeWhole(this.noteOf(key), JSON.stringify(value));
  }

  private async fetchAlone(
    identity: string,
    target: string,
    download: Download,
    signal: AbortSignal,
  ): Promise<CachedContent> {
    const here = await this.place(identity, target);
    if (here) return here;
    await mkdir(join(this.directory, 'content'), { recursive: true });
    await mkdir(join(this.directory, 'partial'), { recursive: true });
    await this.removeOldPartials();
    const shared = join(this.directory, 'partial', digestOf(identity));
    const own = `${shared}.${randomUUID()}`;
    await takePartial(shared, own);
    const found = await downloadTo(own, download, signal).catch(async (error: unknown) => {
      await rename(own, shared).catch(() => undefined);
      throw error;
    });
    await chmod(own, 0o444);
    await linkOrCopy(own, target);
    await rename(own, join(this.directory, 'content', found.sha256));
    await this.markUsed(found.sha256);
    await this.setNote(`content ${identity}`, found);
    await this.removeOldest();
    return found;
  }

  private noteOf(key: string): string {
    return join(this.directory, 'entries', `${digestOf(key)}.json`);
  }

  /** Beside the content: a time that is set on it would look like a change to those who read it. */
  private async markUsed(sha256: string): Promise<void> {
    await mkdir(join(this.directory, 'used'), { recursive: true });
    await writeFile(join(this.directory, 'used', sha256), '');
  }

  private async removeOldest(): Promise<void> {
    const used = new Map(
      (await filesIn(join(this.directory, 'used'))).map((file) => [basename(file.path), file.changedMs]),
    );
    const lastUse = (path: string): number => used.get(basename(path)) ?? 0;
    const contents = await filesIn(join(this.directory, 'content'));
    let bytes = 0;
    for (const { path, size } of contents.toSorted((a, b) => lastUse(b.path) - lastUse(a.path))) {
      bytes += size;
      if (bytes <= this.maxBytes) continue;
      // Whoever reads it has a name of their own for it.
      await rm(path, { force: true });
      await rm(join(this.directory, 'used', basename(path)), { force: true });
    }
  }

  private async removeOldPartials(): Promise<void> {
    for (const { path, changedMs } of await filesIn(join(this.directory, 'partial')))
      if (Date.now() - changedMs > partialMs) await rm(path, { force: true });
  }
}

/**
 * Goes on with what is left of an earlier download, if nobody else does: whoever renames it has it. What a killed process
 * left is copied, since one that was only frozen still writes into its file.
 */
async function takePartial(shared: string, own: string): Promise<void> {
  const taken = await rename(shared, own).then(
    () => true,
    () => false,
  );
  if (taken) return;
  const folder = join(shared, '..');
  const left = (await filesIn(folder)).filter(
    ({ path, changedMs }) => path.startsWith(`${shared}.`) && Date.now() - changedMs > abandonedMs,
  );
  const [largest] = left.toSorted((a, b) => b.size - a.size);
  if (!largest) return;
  await copyFile(largest.path, own, constants.COPYFILE_FICLONE);
  await rm(largest.path, { force: true });
}

/** A name of its own for content that may be removed from the cache meanwhile. @returns false when it is gone already */
async function linkOrCopy(content: string, target: string): Promise<boolean> {
  await rm(target, { force: true });
  try {
    await link(content, target);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    // Another disk, or one without links.
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(codeOf(error))) throw error;
  }
  await copyFile(content, target, constants.COPYFILE_FICLONE);
  return true;
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  const file = await open(temporary, 'wx');
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

async function filesIn(folder: string): Promise<{ path: string; size: number; changedMs: number }[]> {
  const found = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const state = await stat(path).catch(() => undefined);
    if (state?.isFile()) found.push({ path, size: state.size, changedMs: state.mtimeMs });
  }
  return found;
}

/** Waits until another has finished, however it ends. */
async function settled(other: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let leave: (() => void) | undefined;
  const aborted = new Promise<void>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    await Promise.race([other.catch(() => undefined), aborted]);
  } finally {
    if (leave) signal.removeEventListener('abort', leave);
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
