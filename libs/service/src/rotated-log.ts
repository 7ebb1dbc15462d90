import { renameSync, statSync } from 'node:fs';
import type { DestinationStream } from 'pino';

export interface LogFile extends DestinationStream {
  on(event: 'write', listener: (bytes: number) => void): unknown;
  destroy(): void;
}

const MiB = 1024 * 1024;
const largestBytes = 20 * MiB;
/** FILE.1 is the newest of those that are full. */
const kept = 4;

/**
 * A log file that is put aside when it is full, and begun anew; the oldest one is overwritten. For a file of one process
 * alone. When none can be begun, as on a disk without room, lines go on into the one that is there.
 *
 * @param open begins the file, or goes on in it
 */
export class RotatedLog implements DestinationStream {
  private current: LogFile;
  private bytes = 0;

  constructor(
    private readonly file: string,
    private readonly open: (file: string) => LogFile,
    private readonly most = largestBytes,
  ) {
    this.current = this.begin();
  }

  write(line: string): void {
    this.current.write(line);
    // What is written is counted and not what was said: with a full disk, nothing waits in a file that is put aside.
    if (this.bytes >= this.most) this.rotate();
  }

  private begin(): LogFile {
    const begun = this.open(this.file);
    this.bytes = statSync(this.file).size;
    begun.on('write', (bytes) => {
      if (begun === this.current) this.bytes += bytes;
    });
    return begun;
  }

  private rotate(): void {
    // Whatever fails, it is tried again only when as much was written once more.
    this.bytes = 0;
    try {
      for (let n = kept - 1; n > 0; n -= 1) rename(`${this.file}.${n}`, `${this.file}.${n + 1}`);
      rename(this.file, `${this.file}.1`);
      const full = this.current;
      this.current = this.begin();
      full.destroy();
    } catch {
      // The open file takes what comes, under whatever name it has by now.
    }
  }
}

function rename(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false })) renameSync(from, to);
}
