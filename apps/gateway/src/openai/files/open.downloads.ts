import type { Readable } from 'node:stream';
import { Failure } from '@anneal/contracts';

/** Each holds a socket to the store, and a piece of a file in memory, for as long as its reader takes. */
const mostAtOnce = 256;

/** The files that are being sent to callers. */
export class OpenDownloads {
  private open = 0;

  constructor(private readonly most = mostAtOnce) {}

  /**
   * Begins one more, which counts until its stream is closed.
   *
   * @throws Failure RATE_LIMITED
   */
  async begin(openFile: () => Promise<Readable>): Promise<Readable> {
    if (this.open >= this.most) {
      throw new Failure('RATE_LIMITED', `${this.most} files are being downloaded from here already.`, {
        remedy: 'Try again when some of these downloads have ended.',
      });
    }
    this.open += 1;
    const end = (): void => void (this.open -= 1);
    try {
      return (await openFile()).once('close', end);
    } catch (error) {
      end();
      throw error;
    }
  }
}
