import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { Failure } from '@anneal/contracts';
import { faultOf, type UnpackFault } from './packed/unpack.fault.js';
import { unpackInThread, type ThreadCompression, type UnpackedChunk } from './packed/unpack.in-thread.js';

export type Compression = NodeCompression | ThreadCompression;
type NodeCompression = 'gzip' | 'zstd';

interface CompressedFile {
  readonly path: string;
  readonly name: string;
  readonly compression?: Compression;
}

/** What a file may become when it is unpacked. */
export interface UnpackLimits {
  /** Bytes that are taken whatever the ratio is. */
  readonly freeBytes: number;
  /** Text with much in common comes to about 20, rows that are all the same to some hundred; a zip bomb to a thousand. */
  readonly mostRatio: number;
}
const defaults: UnpackLimits = { freeBytes: 256 * 1024 * 1024, mostRatio: 200 };

/** So much is parsed in one go, while nothing else is answered. */
const chunkBytes = 256 * 1024;

/** The first bytes of a file, as they lie on the disk. */
export async function beginningOf(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * The bytes of a file, unpacked as they are read.
 *
 * @throws Failure DATASET_UNREADABLE when what is packed is broken, DATASET_TOO_LARGE when it becomes far too much
 */
export async function* openBytes(
  { path, name, compression }: CompressedFile,
  limits: UnpackLimits = defaults,
): AsyncGenerator<Buffer> {
  if (compression === undefined) {
    yield* createReadStream(path, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>;
    return;
  }
  let unpacked = 0;
  try {
    for await (const { bytes, packedBytes } of unpack(path, name, compression)) {
      unpacked += bytes.length;
      if (unpacked > limits.freeBytes && unpacked > limits.mostRatio * packedBytes)
        throw bomb(name, unpacked, packedBytes);
      yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
  } catch (error) {
    const fault = faultOf(error);
    throw fault ? unpackFailure(fault, { name, compression, cause: error }) : error;
  }
}

function unpack(path: string, name: string, compression: Compression): AsyncIterable<UnpackedChunk> {
  if (compression === 'bzip2' || compression === 'xz') return unpackInThread(path, compression);
  return unpackByNode(path, name, compression);
}

async function* unpackByNode(path: string, name: string, compression: NodeCompression): AsyncGenerator<UnpackedChunk> {
  let start = 0;
  for (let more = true; more;) {
    const source = createReadStream(path, { highWaterMark: chunkBytes, start });
    const unpacking = unpackerOf(compression, name);
    source.on('error', (error) => unpacking.destroy(error));
    try {
      for await (const bytes of source.pipe(unpacking) as AsyncIterable<Buffer<ArrayBuffer>>)
        yield { bytes, packedBytes: start + unpacking.bytesWritten };
      start += unpacking.bytesWritten;
    } finally {
      source.destroy();
      unpacking.destroy();
    }
    // Node ends at the end of a zstd frame, and a file may have several, one after the other.
    more = compression === 'zstd' && (await hasMore(path, start));
  }
}

function unpackerOf(compression: NodeCompression, name: string): zlib.Gunzip | zlib.ZstdDecompress {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: chunkBytes });
  // Not in every Node that the project runs on, and then undefined whatever the types say.
  if ('createZstdDecompress' in zlib) return zlib.createZstdDecompress({ chunkSize: chunkBytes });
  throw new Failure('DATASET_UNREADABLE', `${name} is compressed with zstd, which this version of Node cannot read.`, {
    remedy: 'Run Anneal with Node 22.15 or newer, or compress the file with gzip.',
    file: name,
  });
}

async function hasMore(path: string, offset: number): Promise<boolean> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(1), 0, 1, offset)).bytesRead > 0;
  } finally {
    await file.close();
  }
}

function bomb(name: string, unpacked: number, packed: number): Failure {
  const ratio = Math.round(unpacked / Math.max(packed, 1));
  return new Failure('DATASET_TOO_LARGE', `${name} becomes more than ${ratio} times as large when it is unpacked.`, {
    remedy: 'Rows do not compress so well; if the file is right, give it unpacked.',
    file: name,
  });
}

const incomplete = 'Check that the file is complete; a download that broke off is the usual cause.';
const usualForm = 'Compress it without options, or with gzip or zstd.';
const faults: Record<UnpackFault, (compression: Compression) => readonly [what: string, remedy: string]> = {
  'cut-off': () => ['ends in the middle of its compressed content', incomplete],
  broken: (compression) => [`is not readable as ${compression}`, incomplete],
  unsupported: (compression) => [`uses a rare form of ${compression} that cannot be read`, usualForm],
};

function unpackFailure(
  fault: UnpackFault,
  { name, compression, cause }: { name: string; compression: Compression; cause: unknown },
): Failure {
  const [what, remedy] = faults[fault](compression);
  return new Failure('DATASET_UNREADABLE', `${name} ${what}.`, { remedy, file: name, cause });
}
