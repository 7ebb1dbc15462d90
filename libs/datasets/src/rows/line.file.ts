import { open, type FileHandle } from 'node:fs/promises';

const flushAt = 256 * 1024;

/** A JSONL file in the making. A disk that is full or gone shows when the lines are brought to it. */
export class LineFile {
  private waiting = '';

  private constructor(private readonly file: FileHandle) {}

  static async create(path: string): Promise<LineFile> {
    return new LineFile(await open(path, 'wx'));
  }

  /** @param line without its line end */
  addLine(line: string): void {
    this.waiting += `${line}\n`;
  }

  /** Brings the lines to the disk when they are many. */
  async settle(): Promise<void> {
    if (this.waiting.length >= flushAt) await this.flush();
  }

  async flush(): Promise<void> {
    const text = this.waiting;
    this.waiting = '';
    await this.file.appendFile(text);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
