import { duration } from './durations.js';

const printEveryMs = 10_000;
const drawEveryMs = 100;

/** Tells how far something is that counts items: redrawn on a terminal, a line now and then elsewhere. */
export class CountedProgress {
  private readonly startedAt = performance.now();
  private toldAt = -Infinity;
  private before: number | undefined;

  constructor(private readonly stream: NodeJS.WriteStream) {
    if (!stream.isTTY) this.toldAt = this.startedAt;
  }

  tell(done: number, total: number): void {
    this.before ??= done;
    const now = performance.now();
    const pause = this.stream.isTTY ? drawEveryMs : printEveryMs;
    if (now - this.toldAt < pause && (done < total || !this.stream.isTTY)) return;
    this.toldAt = now;
    const pace = (done - this.before) / ((now - this.startedAt) / 1000);
    const figures = pace > 0 ? `, ${pace.toFixed(1)} items/s, ${duration((total - done) / pace)} left` : '';
    this.write(`${done} of ${total}${figures}`);
  }

  /** Leaves the terminal as it was. */
  end(): void {
    if (this.stream.isTTY) this.stream.write('\r\u001b[2K');
  }

  private write(line: string): void {
    this.stream.write(this.stream.isTTY ? `\r\u001b[2K${line}` : `${line}\n`);
  }
}
