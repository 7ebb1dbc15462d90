import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPair } from '@anneal/rows';
import { HeldOutSplit } from './rows/held-out.split.js';
import { LineFile } from './rows/line.file.js';
import { writeParquet, type SetShape } from './stored/parquet.writer.js';
import { linedRow } from './stored/stored.line.js';

/** A row that goes into the set. */
export interface PreparedRow {
  /** Place in the source, counted from 1. */
  readonly number: number;
  readonly digest: string;
  /** Rows of one group, such as pairs of answers to one prompt, fall on the same side; each by itself when left out. */
  readonly group?: string | undefined;
  /** Conversation or pair as JSON, on one line. */
  readonly line: string;
  /** Whether some of its answers are kept but not learnt. */
  readonly untrainedTurns: boolean;
  readonly usesTools: boolean;
  /** Whether its answer can be asked for; a row without one is never held out. */
  readonly canBeAsked: boolean;
}

/** Writes `train.parquet` and `held-out.jsonl`, and keeps the rows of the one out of the other. */
export class PreparedFiles<Row extends PreparedRow> {
  private train = 0;
  private untrainedTurns = false;
  private withTools = false;
  private longestLine = 0;
  private readonly split: HeldOutSplit<Row>;

  private constructor(
    readonly directory: string,
    /** The rows to train on, one JSON line each, until they are stored. */
    readonly linesPath: string,
    private readonly lines: LineFile,
    heldOutShare: number,
    private readonly onTrained: (row: Row) => void,
  ) {
    this.split = new HeldOutSplit(heldOutShare);
  }

  /**
   * Starts in a folder that does not hold such files yet.
   *
   * @param onTrained told of every row of train.parquet, in its order
   */
  static async create<Row extends PreparedRow>(
    directory: string,
    heldOutShare: number,
    onTrained: (row: Row) => void,
  ): Promise<PreparedFiles<Row>> {
    await mkdir(directory, { recursive: true });
    // Beside the folder, since all that is in it belongs to the set.
    const linesPath = `${directory}.rows.jsonl`;
    return new PreparedFiles(directory, linesPath, await LineFile.create(linesPath), heldOutShare, onTrained);
  }

  /** How many rows are held out so far. */
  get heldOut(): number {
    return this.split.heldOut.length;
  }

  get trained(): number {
    return this.train;
  }

  /** Holds out a row of another source, if its answer can be asked for. */
  holdOut(row: Row): void {
    if (!row.canBeAsked) return;
    this.split.holdOut(row.digest, row);
  }

  /** Takes a row that is no duplicate, for one side or the other. */
  add(row: Row): void {
    const forTraining = row.canBeAsked ? this.split.take(row.group ?? row.digest, row) : [row];
    for (const one of forTraining) this.addForTraining(one);
  }

  /** Waits for the disk when enough rows have been added; to be called after every few of them. */
  async settle(): Promise<void> {
    await this.lines.settle();
  }

  /** Brings all rows to `linesPath`. */
  async flush(): Promise<void> {
    await this.lines.flush();
  }

  /** Completes both files. */
  async finish({ rows, asQuestions }: Pick<SetShape, 'rows' | 'asQuestions'>): Promise<void> {
    await this.flush();
    const { untrainedTurns, withTools } = this;
    // A character takes up to three bytes for each of its units of UTF-16.
    const longestLine = this.longestLine * 3;
    // Of a set without a row to train on, only the report is of use.
    if (this.train === 0) return;
    await writeParquet(this.linesPath, join(this.directory, 'train.parquet'), {
      ...{ rows, asQuestions, untrainedTurns, withTools, longestLine },
    });
    if (this.heldOut > 0) await this.writeHeldOut();
  }

  async close(): Promise<void> {
    await this.lines.close();
    await rm(this.linesPath, { force: true });
  }

  private addForTraining(row: Row): void {
    const { line, untrainedTurns, usesTools } = row;
    this.train += 1;
    this.untrainedTurns ||= untrainedTurns;
    this.withTools ||= usesTools;
    this.longestLine = Math.max(this.longestLine, line.length);
    this.onTrained(row);
    this.lines.addLine(line);
  }

  private async writeHeldOut(): Promise<void> {
    const file = await LineFile.create(join(this.directory, 'held-out.jsonl'));
    try {
      for (const { row } of this.split.heldOut) {
        const stored = linedRow(row.line);
        const { messages } = stored;
        const asked = isPair(stored) ? messages : messages.slice(0, -1);
        const item = {
          id: row.digest.slice(0, 16),
          messages: asked.map(({ role, content }) => ({ role, content })),
          // Of a pair, the answer that is preferred.
          expected: isPair(stored) ? stored.chosen : (messages.at(-1)?.content ?? ''),
        };
        file.addLine(JSON.stringify(item));
      }
      await file.flush();
    } finally {
      await file.close();
    }
  }
}
