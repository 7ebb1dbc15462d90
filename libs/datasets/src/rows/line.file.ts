import { open, type FileHandle } from 'node:fs/promises';

const flushAt = 256 * 1024;

/** A JSONL file in the making. A disk that is full or gone shows at the call that meets it. */
export class LineFile {
  private waiting = '';

  private constructor(private readonly file: FileHandle) {}

  static async create(path: string): Promise<LineFile> {
    return new LineFile(await open(path, 'wx'));
  }

  /** @param line without its line end */
  async addLine(line: string): Promise<void> {
    this.waiting += `${line}\n`;
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
