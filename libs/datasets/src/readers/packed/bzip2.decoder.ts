import Bunzip from 'seek-bzip';
import type { PackedFile } from './packed.file.js';
import { UnpackError } from './unpack.fault.js';

const chunkBytes = 256 * 1024;

/**
 * Unpacks bzip2, one stream after the other, and verifies the checksums of each.
 *
 * @param give takes what is unpacked; until it returns, nothing more is
 * @throws UnpackError when the file is broken, ends too early, or goes on with something else
 */
export function unpackBzip2(file: PackedFile, give: (bytes: Uint8Array<ArrayBuffer>) => void): void {
  const input = new Input(file);
  const output = new Output(give);
  try {
    while (input.hasMore()) Bunzip.decode(input, output);
  } catch (error) {
    if (!(error instanceof Error && 'errorCode' in error)) throw error;
    // Versions before 0.9.5 shuffled blocks that were slow to sort. All else that the library tells is broken content.
    throw new UnpackError(error.errorCode === Bunzip.Err.OBSOLETE_INPUT ? 'unsupported' : 'broken');
  }
  output.end();
}

class Input extends Bunzip.Stream {
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(private readonly file: PackedFile) {
    super();
  }

  hasMore(): boolean {
    if (this.at < this.chunk.length) return true;
    this.chunk = this.file.read();
    this.at = 0;
    return this.chunk.length > 0;
  }

  override readByte(): number {
    if (!this.hasMore()) throw new UnpackError('cut-off');
    return this.chunk[this.at++] ?? 0;
  }
}

class Output extends Bunzip.Stream {
  private chunk = new Uint8Array(chunkBytes);
  private at = 0;

  constructor(private readonly give: (bytes: Uint8Array<ArrayBuffer>) => void) {
    super();
  }

  override writeByte(byte: number): void {
    this.chunk[this.at++] = byte;
    if (this.at === chunkBytes) this.end();
  }

  end(): void {
    this.give(this.chunk.subarray(0, this.at));
    this.chunk = new Uint8Array(chunkBytes);
    this.at = 0;
  }
}
