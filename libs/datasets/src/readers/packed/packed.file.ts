import { openSync, readSync } from 'node:fs';

const chunkBytes = 64 * 1024;

/** The bytes of a file for a decoder that cannot wait, in a thread where nobody else does. */
export class PackedFile {
  bytesRead = 0;
  private readonly file: number;

  /** The file is closed when the thread ends. */
  constructor(path: string) {
    this.file = openSync(path, 'r');
  }

  /** The next bytes; none at the end. */
  read(): Uint8Array {
    const chunk = new Uint8Array(chunkBytes);
    const bytes = readSync(this.file, chunk, 0, chunkBytes, this.bytesRead);
    this.bytesRead += bytes;
    return chunk.subarray(0, bytes);
  }

  *chunks(): Generator<Uint8Array> {
    for (let chunk = this.read(); chunk.length > 0; chunk = this.read()) yield chunk;
  }
}
