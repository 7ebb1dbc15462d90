const tables = 16;
const firstCapacity = 512;
const wordsOfDigest = 3;
const wordsOfCell = wordsOfDigest + 1;
const mostFilled = 0.75;
const growth = 1.5;

/**
 * Which rows were there before, by the first 96 bits of their digests: 16 to 32 bytes a row, where a Set takes 200. They are in several
 * tables, since one that grows is in memory twice meanwhile.
 */
export class DigestMap {
  private readonly tables = Array.from({ length: tables }, () => new DigestTable());

  /** The value that the digest was added with before, or nothing; then it is added with this one, from 0 on. */
  add(digest: string, value: number): number | undefined {
    return this.tableOf(digest).add(word(digest, 0), word(digest, 1), word(digest, 2), value);
  }

  has(digest: string): boolean {
    return this.tableOf(digest).has(word(digest, 0), word(digest, 1), word(digest, 2));
  }

  /** By the last digit, which is no part of what places a digest in its table. */
  private tableOf(digest: string): DigestTable {
    return this.tables[Number.parseInt(digest.slice(-1), tables)] as DigestTable;
  }
}

class DigestTable {
  private capacity = firstCapacity;
  private cells = new Uint32Array(firstCapacity * wordsOfCell);
  private size = 0;

  add(first: number, second: number, third: number, value: number): number | undefined {
    const cell = this.cellOf(first, second, third);
    const held = this.cells[cell + wordsOfDigest] ?? 0;
    if (held !== 0) return held - 1;
    this.put(cell, first, second, third, value + 1);
    this.size += 1;
    if (this.size > this.capacity * mostFilled) this.grow();
    return undefined;
  }

  has(first: number, second: number, third: number): boolean {
    return this.cells[this.cellOf(first, second, third) + wordsOfDigest] !== 0;
  }

  private cellOf(first: number, second: number, third: number): number {
    const { cells, capacity } = this;
    for (let place = first % capacity; ; place = place + 1 === capacity ? 0 : place + 1) {
      const cell = place * wordsOfCell;
      if (cells[cell + wordsOfDigest] === 0) return cell;
      if (cells[cell] === first && cells[cell + 1] === second && cells[cell + 2] === third) return cell;
    }
  }

  private put(cell: number, first: number, second: number, third: number, held: number): void {
    const { cells } = this;
    cells[cell] = first;
    cells[cell + 1] = second;
    cells[cell + 2] = third;
    cells[cell + wordsOfDigest] = held;
  }

  private grow(): void {
    const before = this.cells;
    this.capacity = Math.ceil(this.capacity * growth);
    this.cells = new Uint32Array(this.capacity * wordsOfCell);
    for (let cell = 0; cell < before.length; cell += wordsOfCell) {
      const held = before[cell + wordsOfDigest] ?? 0;
      if (held === 0) continue;
      const [first = 0, second = 0, third = 0] = [before[cell], before[cell + 1], before[cell + 2]];
      this.put(this.cellOf(first, second, third), first, second, third, held);
    }
  }
}

function word(digest: string, index: number): number {
  return Number.parseInt(digest.slice(index * 8, index * 8 + 8), 16);
}
