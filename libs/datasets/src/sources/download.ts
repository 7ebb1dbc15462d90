import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';

/** A broken download goes on where it stopped, unless nothing came in so many tries. */
const triesWithoutProgress = 4;
const firstPauseMs = 100;
/** What comes more slowly than this in a stretch of time would take days. */
const leastBytes = 64 * 1024;

/** Bytes from somewhere in the middle on; a source that cannot do that begins anew, and says so. */
export interface OpenedAt {
  readonly offset: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What a source says about its content; `git` is the name that git gives it. */
export interface KnownDigest {
  readonly algorithm: 'sha256' | 'md5' | 'git';
  readonly hex: string;
}

/** Something outside that can be fetched. */
export interface Download {
  /** How messages name it. */
  readonly name: string;
  /** In bytes, where the source tells it. */
  readonly size?: number | undefined;
  readonly digest?: KnownDigest | undefined;
  readonly maxBytes: number;
  /** In each time as long as this, at least 64 KiB have to come: a minute asks for a kilobyte a second. */
  readonly stallMs: number;
  readonly open: (offset: number, signal: AbortSignal) => Promise<OpenedAt>;
}

/**
 * Fetches into a file, after what is in it already, until all is there and is what the source says. A failure leaves what
 * came, for the next try; content that is wrong is thrown away.
 */
export async function downloadTo(
  path: string,
  download: Download,
  signal: AbortSignal,
): Promise<{ sha256: string; size: number }> {
  const { name, size, digest, maxBytes } = download;
  if (size !== undefined && size > maxBytes) throw tooLarge(name, size, maxBytes);
  const file = await open(path, 'a+');
  try {
    const content = await Content.of(path, file, download);
    if (size !== undefined && content.size > size) await content.restart();
    if (size === undefined || content.size < size || content.size === 0) await receive(content, download, signal);
    if (size !== undefined && content.size !== size) {
      const got = content.size;
      await content.restart();
      throw unavailable(`${name} came with ${got} bytes, where its source says ${size}`);
    }
    const found = content.digests();
    if (digest !== undefined && found.known !== digest.hex) {
      await content.restart();
      throw unavailable(`${name} came with other bytes than its source says (${digest.algorithm} ${digest.hex})`);
    }
    await file.datasync();
    return { sha256: found.sha256, size: content.size };
  } finally {
    await file.close();
  }
}

async function receive(content: Content, download: Download, signal: AbortSignal): Promise<void> {
  const { name, size, maxBytes, stallMs, open } = download;
  // Over all tries: a server that breaks off after each byte is a slow one, too.
  const pace = new Pace(stallMs);
  let fruitless = 0;
  for (;;) {
    const start = content.size;
    try {
      const { offset, bytes } = await open(start, signal);
      if (offset !== start) await content.restart();
      for await (const chunk of bytes) {
        signal.throwIfAborted();
        if (content.size + chunk.length > maxBytes) throw tooLarge(name, content.size + chunk.length, maxBytes);
        await content.add(chunk);
        if (pace.isTooSlow(chunk.length)) throw new TooSlow(name, content.size, stallMs);
      }
      if (size === undefined || content.size >= size) return;
      throw unavailable(`${name} broke off after ${content.size} of ${size} bytes`);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TooSlow) throw error;
      if (pace.isTooSlow(0)) throw new TooSlow(name, content.size, stallMs);
      fruitless = content.size > start ? 1 : fruitless + 1;
      if (!mayPass(error) || fruitless === triesWithoutProgress) throw asFailure(error, name, content.size);
      await pause(firstPauseMs * 2 ** (fruitless - 1), undefined, { signal });
    }
  }
}

/** How fast bytes come, over one stretch of time after the other. */
class Pace {
  private since = performance.now();
  private bytes = 0;

  constructor(private readonly stretchMs: number) {}

  /** Takes what came, and says whether it is too little since the stretch began. */
  isTooSlow(bytes: number): boolean {
    this.bytes += bytes;
    const now = performance.now();
    if (now - this.since < this.stretchMs) return false;
    const tooSlow = this.bytes < leastBytes;
    [this.since, this.bytes] = [now, 0];
    return tooSlow;
  }
}

/** Trying again at once would only go on at the same pace; a later attempt starts where this one stopped. */
class TooSlow extends Failure {
  constructor(name: string, bytes: number, stretchMs: number) {
    const seconds = Math.ceil(stretchMs / 1000);
    super(
      'SOURCE_UNAVAILABLE',
      `${name} comes too slowly: fewer than ${leastBytes} bytes in ${seconds} seconds, after ${bytes} bytes in all.`,
      { remedy: 'It is tried again, from where it stopped; if it stays, put the file where it can be fetched faster.' },
    );
  }
}

/** A file in the making, hashed as it grows. */
class Content {
  private constructor(
    private readonly file: FileHandle,
    private readonly download: Download,
    private whole: Hash,
    private other: Hash | undefined,
    public size: number,
  ) {}

  static async of(path: string, file: FileHandle, download: Download): Promise<Content> {
    const { size } = await stat(path);
    const content = new Content(file, download, createHash('sha256'), otherHash(download), 0);
    if (size > 0) for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) content.count(chunk);
    return content;
  }

  async add(chunk: Uint8Array): Promise<void> {
    await this.file.appendFile(chunk);
    this.count(chunk);
  }

  async restart(): Promise<void> {
    await this.file.truncate(0);
    this.whole = createHash('sha256');
    this.other = otherHash(this.download);
    this.size = 0;
  }

  digests(): { sha256: string; known: string | undefined } {
    const sha256 = this.whole.digest('hex');
    return { sha256, known: this.download.digest?.algorithm === 'sha256' ? sha256 : this.other?.digest('hex') };
  }

  private count(chunk: Uint8Array): void {
    this.whole.update(chunk);
    this.other?.update(chunk);
    this.size += chunk.length;
  }
}

/** For what the source says, where it says something else than SHA-256. */
function otherHash({ digest, size }: Download): Hash | undefined {
  if (digest?.algorithm === 'md5') return createHash('md5');
  return digest?.algorithm === 'git' ? createHash('sha1').update(`blob ${size ?? 0}\0`) : undefined;
}

/** Failures say it themselves; a disk that is full stays full, and a connection that broke may be made again. */
function mayPass(error: unknown): boolean {
  if (error instanceof Failure) return error.retryable;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return !['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO'].includes(code);
}

function asFailure(error: unknown, name: string, bytes: number): unknown {
  if (error instanceof Failure || !mayPass(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return unavailable(`${name} broke off after ${bytes} bytes: ${reason}`, error);
}

function unavailable(what: string, cause?: unknown): Failure {
  return new Failure('SOURCE_UNAVAILABLE', `${what}.`, {
    remedy: 'It is tried again, from where it stopped; if it stays, the source is broken.',
    cause,
  });
}

/** More bytes than this service takes. */
function tooLarge(name: string, bytes: number, most: number): Failure {
  return new Failure(
    'DATASET_TOO_LARGE',
    `${name} has at least ${bytes} bytes, and ${most} is the most that is fetched.`,
    {
      remedy: 'Name a part of it, or let the operator raise SOURCE_MAX_GIB.',
      file: name,
    },
  );
}
