import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { Failure, type PreparedDataset } from '@anneal/contracts';
import { conversationDigest, type Conversation } from './rows/conversation.js';
import { HeldOutSplit } from './rows/held-out.split.js';

/** Writes `train.jsonl` and `held-out.jsonl`, leaves out what was there before, and counts. */
export class PreparedFiles {
  read = 0;
  private duplicates = 0;
  private train = 0;
  private heldOut = 0;
  private total = 0;
  private longest = 0;
  private readonly seen = new Set<string>();
  private readonly split: HeldOutSplit<Conversation>;

  private constructor(
    readonly directory: string,
    private readonly trainFile: WriteStream,
    heldOutShare: number,
  ) {
    this.split = new HeldOutSplit(heldOutShare);
  }

  static async create(directory: string, heldOutShare: number): Promise<PreparedFiles> {
    await mkdir(directory, { recursive: true });
    return new PreparedFiles(directory, createWriteStream(join(directory, 'train.jsonl')), heldOutShare);
  }

  async add(conversation: Conversation): Promise<void> {
    this.read += 1;
    const digest = conversationDigest(conversation);
    if (this.seen.has(digest)) {
      this.duplicates += 1;
      return;
    }
    this.seen.add(digest);
    if (!this.split.take(digest, conversation)) await this.writeTrain(conversation);
  }

  /** Writes what the split kept back, and waits until both files are complete. */
  async close(): Promise<void> {
    const { heldOut, returned } = this.split.finish();
    for (const conversation of returned) await this.writeTrain(conversation);
    this.trainFile.end();
    await finished(this.trainFile);
    this.heldOut = heldOut.length;
    if (heldOut.length === 0) return;
    const file = createWriteStream(join(this.directory, 'held-out.jsonl'));
    for (const { digest, row } of heldOut) {
      const expected = row.messages.at(-1)?.content ?? '';
      await writeLine(file, { id: digest.slice(0, 16), messages: row.messages.slice(0, -1), expected });
    }
    file.end();
    await finished(file);
  }

  finish(name: string): Pick<PreparedDataset, 'rows' | 'characters'> {
    if (this.train === 0) {
      throw new Failure('DATASET_EMPTY', `${name} has no row to train on.`, {
        remedy: 'Give a source with at least one row.',
        field: 'dataset.source',
        file: name,
      });
    }
    return {
      rows: { read: this.read, train: this.train, heldOut: this.heldOut, duplicates: this.duplicates, dropped: 0 },
      characters: { total: this.total, longest: this.longest },
    };
  }

  private async writeTrain(conversation: Conversation): Promise<void> {
    const length = conversation.messages.reduce((sum, { content }) => sum + content.length, 0);
    this.total += length;
    this.longest = Math.max(this.longest, length);
    this.train += 1;
    await writeLine(this.trainFile, { messages: conversation.messages });
  }
}

async function writeLine(file: WriteStream, value: unknown): Promise<void> {
  if (!file.write(`${JSON.stringify(value)}\n`)) await once(file, 'drain');
}
