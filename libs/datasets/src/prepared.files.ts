import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type PreparedDataset } from '@anneal/contracts';
import { conversationDigest, type Conversation } from '@anneal/rows';
import { HeldOutSplit } from './rows/held-out.split.js';
import { LineFile } from './rows/line.file.js';

/** Writes `train.jsonl` and `held-out.jsonl`, leaves out what was there before, and counts. */
export class PreparedFiles {
  read = 0;
  private duplicates = 0;
  private dropped = 0;
  private train = 0;
  private total = 0;
  private longest = 0;
  private readonly seen = new Set<string>();
  private readonly fromElsewhere = new Set<string>();
  private readonly split: HeldOutSplit<Conversation>;

  private constructor(
    readonly directory: string,
    private readonly trainFile: LineFile,
    heldOutShare: number,
  ) {
    this.split = new HeldOutSplit(heldOutShare);
  }

  /** Starts in a folder that does not hold such files yet. */
  static async create(directory: string, heldOutShare: number): Promise<PreparedFiles> {
    await mkdir(directory, { recursive: true });
    return new PreparedFiles(directory, await LineFile.create(join(directory, 'train.jsonl')), heldOutShare);
  }

  /** How many rows are held out so far. */
  get heldOut(): number {
    return this.split.heldOut.length;
  }

  /** Holds out a row of another source. Those go before all others, so that none of them is trained on. */
  holdOut(conversation: Conversation): void {
    const digest = conversationDigest(conversation);
    if (this.fromElsewhere.has(digest)) return;
    this.fromElsewhere.add(digest);
    this.split.holdOut(digest, conversation);
  }

  async add(conversation: Conversation): Promise<void> {
    this.read += 1;
    const digest = conversationDigest(conversation);
    // Also the rows that were too many to be asked: whoever names a source to be held out has all of it in mind.
    if (this.fromElsewhere.has(digest)) {
      this.dropped += 1;
      return;
    }
    if (this.seen.has(digest)) {
      this.duplicates += 1;
      return;
    }
    this.seen.add(digest);
    const forTraining = this.split.take(digest, conversation);
    if (forTraining) await this.addTrain(forTraining);
  }

  /** Completes both files. */
  async finish(name: string): Promise<Pick<PreparedDataset, 'rows' | 'characters'>> {
    if (this.train === 0) {
      const why = this.dropped > 0 ? ': dataset.heldOutFrom has all of them, too' : '';
      throw new Failure('DATASET_EMPTY', `${name} has no row to train on${why}.`, {
        remedy: 'Give a source with at least one row that is not held out.',
        field: 'dataset.source',
        file: name,
      });
    }
    await this.trainFile.flush();
    const { read, train, heldOut, duplicates, dropped } = this;
    if (heldOut > 0) await this.writeHeldOut();
    return {
      rows: { read, train, heldOut, duplicates, dropped },
      characters: { total: this.total, longest: this.longest },
    };
  }

  async close(): Promise<void> {
    await this.trainFile.close();
  }

  private async addTrain({ messages }: Conversation): Promise<void> {
    const length = messages.reduce((sum, { content }) => sum + content.length, 0);
    this.total += length;
    this.longest = Math.max(this.longest, length);
    this.train += 1;
    await this.trainFile.add({ messages });
  }

  private async writeHeldOut(): Promise<void> {
    const file = await LineFile.create(join(this.directory, 'held-out.jsonl'));
    try {
      for (const { digest, row } of this.split.heldOut) {
        const expected = row.messages.at(-1)?.content ?? '';
        await file.add({ id: digest.slice(0, 16), messages: row.messages.slice(0, -1), expected });
      }
      await file.flush();
    } finally {
      await file.close();
    }
  }
}
