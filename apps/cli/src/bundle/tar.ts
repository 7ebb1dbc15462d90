import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';

// The form of POSIX.1-1988 (ustar), which every tar reads, with regular files only: the rest of what an archive may hold
// (links, devices, owners) is what a reader of foreign archives has to fear.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html

const block = 512;
/** What eleven octal digits can say; above it the size is written in binary, as GNU tar does. */
const largestOctal = 8 ** 11 - 1;

export interface TarEntry {
  readonly path: string;
  readonly size: number;
  readonly bytes: AsyncIterable<Buffer>;
}

/** Writes files of a folder into an archive, in this order. */
export async function packTar(archive: string, folder: string, paths: readonly string[]): Promise<void> {
  const file = await open(archive, 'w', 0o644);
  try {
    for (const path of paths) {
      const { size } = await stat(join(folder, path));
      await file.appendFile(headerOf(path, size));
      for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>)
        await file.appendFile(chunk);
      await file.appendFile(Buffer.alloc(paddingOf(size)));
    }
    await file.appendFile(Buffer.alloc(2 * block));
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * The files of an archive, one after the other; each has to be read to its end before the next.
 *
 * @throws Failure ARTIFACT_CORRUPT when the archive ends early, or holds anything but regular files
 */
export async function* readTar(archive: string): AsyncGenerator<TarEntry> {
  const stream = createReadStream(archive);
  const input = new Reader(stream, archive);
  try {
    for (;;) {
      const header = await input.take(block);
      if (header.every((byte) => byte === 0)) return;
      const { path, size } = readHeader(header, archive);
      yield { path, size, bytes: input.chunks(size) };
      await input.take(paddingOf(size));
    }
  } finally {
    stream.destroy();
  }
}

function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(block);
  const [prefix, name] = splitPath(path);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  if (size <= largestOctal) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  else {
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write(`${'0'.repeat(11)}\0`, 136);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  header.write(prefix, 345, 155);
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw new Failure('CONFIG_INVALID', `The path ${path} is too long for an archive.`, {
    remedy: 'Write the bundle as a folder: leave ".tar" out of --output.',
  });
}

function readHeader(header: Buffer, archive: string): { path: string; size: number } {
  const said = Number.parseInt(textOf(header, 148, 8), 8);
  if (said !== checksumOf(header)) throw broken(archive, 'a header in it is damaged');
  const type = textOf(header, 156, 1);
  if (type !== '0' && type !== '') throw broken(archive, 'it holds something that is no regular file');
  const prefix = textOf(header, 345, 155);
  const name = textOf(header, 0, 100);
  const octal = textOf(header, 124, 12).trim();
  const size = header.readUInt8(124) === 0x80 ? Number(header.readBigUInt64BE(128)) : Number.parseInt(octal, 8);
  if (!Number.isSafeInteger(size) || size < 0) throw broken(archive, 'a size in it cannot be read');
  return { path: prefix === '' ? name : `${prefix}/${name}`, size };
}

/** The sum of all bytes, with spaces in the place of the sum itself. */
function checksumOf(header: Buffer): number {
  return header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
}

function textOf(header: Buffer, start: number, length: number): string {
  const bytes = header.subarray(start, start + length);
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end === -1 ? length : end).toString('utf8');
}

function paddingOf(size: number): number {
  return (block - (size % block)) % block;
}

export function broken(archive: string, why: string): Failure {
  return new Failure('ARTIFACT_CORRUPT', `${archive} is no whole bundle: ${why}.`, {
    remedy: 'Copy it again, or make it again with "anneal bundle create".',
    file: archive,
  });
}

/** Takes bytes by their number from a stream that has them in pieces of its own. */
class Reader {
  private readonly pieces: AsyncIterator<Buffer>;
  private rest = Buffer.alloc(0);

  constructor(
    stream: AsyncIterable<Buffer>,
    private readonly archive: string,
  ) {
    this.pieces = stream[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const chunk of this.chunks(count)) parts.push(chunk);
    return Buffer.concat(parts);
  }

  async *chunks(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.rest.length === 0) {
        const next = await this.pieces.next();
        if (next.done) throw broken(this.archive, 'it ends in the middle');
        this.rest = Buffer.from(next.value);
      }
      const chunk = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(chunk.length);
      left -= chunk.length;
      yield chunk;
    }
  }
}
