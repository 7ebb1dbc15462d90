import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPair, readTextLines, storedRow, tooLong } from '@anneal/rows';
import { HeldOutSplit } from './rows/held-out.split.js';
import { LineFile } from './rows/line.file.js';

/** A row that goes into the set. */
export interface PreparedRow {
  /** Place in the source, counted from 1. */
  readonly number: number;
  readonly digest: string;
  /** Rows of one group, such as pairs of answers to one prompt, fall on the same side; each by itself when left out. */
  readonly group?: string;
  /** Conversation or pair as JSON, on one line. */
  readonly line: string;
  /** Whether some of its answers are kept but not learnt. */
  readonly untrainedTurns: boolean;
}

/** Writes `train.jsonl` and `held-out.jsonl`, and keeps the rows of the one out of the other. */
export class PreparedFiles<Row extends PreparedRow> {
  private train = 0;
  private untrainedTurns = false;
  private readonly split: HeldOutSplit<Row>;
  private readonly trainPath: string;

  private constructor(
    readonly directory: string,
    private readonly trainFile: LineFile,
    heldOutShare: number,
    private readonly onTrained: (row: Row) => void,
  ) {
    this.split = new HeldOutSplit(heldOutShare);
    this.trainPath = join(directory, 'train.jsonl');
  }

  /**
   * Starts in a folder that does not hold such files yet.
   *
   * @param onTrained told of every row of train.jsonl, in its order
   */
  static async create<Row extends PreparedRow>(
    directory: string,
    heldOutShare: number,
    onTrained: (row: Row) => void,
  ): Promise<PreparedFiles<Row>> {
    await mkdir(directory, { recursive: true });
    const file = await LineFile.create(join(directory, 'train.jsonl'));
    return new PreparedFiles(directory, file, heldOutShare, onTrained);
  }

  /** How many rows are held out so far. */
  get heldOut(): number {
    return this.split.heldOut.length;
  }

  get trained(): number {
    return this.train;
  }

  /** Holds out a row of another source. */
  holdOut(row: Row): void {
    this.split.holdOut(row.digest, row);
  }

  /** Takes a row that is no duplicate, for one side or the other. */
  async add(row: Row): Promise<void> {
    const forTraining = this.split.take(row.group ?? row.digest, row);
    if (!forTraining) return;
    this.train += 1;
    this.untrainedTurns ||= forTraining.untrainedTurns;
    this.onTrained(forTraining);
    await this.trainFile.addLine(forTraining.line);
  }

  /** Completes both files. */
  async finish(): Promise<void> {
    await this.trainFile.flush();
    if (this.untrainedTurns) await this.writeWhatIsTrained();
    if (this.heldOut > 0) await this.writeHeldOut();
  }

  async close(): Promise<void> {
    await this.trainFile.close();
  }

  /**
   * Says of every message whether it is trained, as soon as one says it. The reader of the trainer decides about the
   * columns from the first block of a file, and breaks at one that comes later.
   */
  private async writeWhatIsTrained(): Promise<void> {
    const path = `${this.trainPath}.part`;
    const file = await LineFile.create(path);
    try {
      for await (const { text } of readTextLines(this.trainPath, (row) => tooLong(row, 'train.jsonl'))) {
        const { messages } = storedRow(text);
        const told = messages.map(({ role, content, train }) => ({
          role,
          content,
          train: role === 'assistant' && train !== false,
        }));
        await file.addLine(JSON.stringify({ messages: told }));
      }
      await file.flush();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await rename(path, this.trainPath);
  }

  private async writeHeldOut(): Promise<void> {
    const file = await LineFile.create(join(this.directory, 'held-out.jsonl'));
    try {
      for (const { row } of this.split.heldOut) {
        const stored = storedRow(row.line);
        const { messages } = stored;
        const asked = isPair(stored) ? messages : messages.slice(0, -1);
        const item = {
          id: row.digest.slice(0, 16),
          messages: asked.map(({ role, content }) => ({ role, content })),
          // Of a pair, the answer that is preferred.
          expected: isPair(stored) ? stored.chosen : (messages.at(-1)?.content ?? ''),
        };
        await file.addLine(JSON.stringify(item));
      }
      await file.flush();
    } finally {
      await file.close();
    }
  }
}
