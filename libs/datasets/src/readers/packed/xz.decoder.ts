import xz from 'xz-decompress';
import type { PackedFile } from './packed.file.js';
import { UnpackError, type UnpackFault } from './unpack.fault.js';

/** What the numbers of the library mean that are not about broken content. */
const faults: Record<string, UnpackFault> = { 4: 'unsupported', 6: 'unsupported', 8: 'cut-off' };

/**
 * Unpacks xz, one stream after the other, with a dictionary of 64 MiB at most, and verifies its checksums.
 *
 * @param give takes what is unpacked; until it returns, nothing more is
 * @throws UnpackError when the file is broken, ends too early, or goes on with something else
 */
export async function unpackXz(file: PackedFile, give: (bytes: Uint8Array<ArrayBuffer>) => void): Promise<void> {
  const unpacked = new xz.XzReadableStream(ReadableStream.from(file.chunks()));
  try {
    for await (const bytes of unpacked as ReadableStream<Uint8Array<ArrayBuffer>>) give(bytes);
  } catch (error) {
    const number = error instanceof Error ? /error code (\d+)$/.exec(error.message)?.[1] : undefined;
    throw number === undefined ? error : new UnpackError(faults[number] ?? 'broken');
  }
}
