const firstCapacity = 8192;
const wordsOfDigest = 4;

/** Which rows were there before, by the first 128 bits of their digests: 32 bytes a row at most, where a Set takes 200. */
export class DigestMap {
  private cells = new Uint32Array(firstCapacity * (wordsOfDigest + 1));
  private size = 0;

  /** The value that the digest was added with before, or nothing; then it is added with this one, from 0 on. */
  add(digest: string, value: number): number | undefined {
    const cell = this.cellOf(wordsOf(digest));
    const held = this.cells[cell + wordsOfDigest] ?? 0;
    if (held !== 0) return held - 1;
    this.cells.set([...wordsOf(digest), value + 1], cell);
    this.size += 1;
    if (this.size * 3 > this.capacity * 2) this.grow();
    return undefined;
  }

  has(digest: string): boolean {
    return this.cells[this.cellOf(wordsOf(digest)) + wordsOfDigest] !== 0;
  }

  private get capacity(): number {
    return this.cells.length / (wordsOfDigest + 1);
  }

  private cellOf(words: readonly number[]): number {
    const mask = this.capacity - 1;
    for (let place = (words[0] ?? 0) & mask; ; place = (place + 1) & mask) {
      const cell = place * (wordsOfDigest + 1);
      if (this.cells[cell + wordsOfDigest] === 0) return cell;
      if (words.every((word, index) => this.cells[cell + index] === word)) return cell;
    }
  }

  private grow(): void {
    const before = this.cells;
    this.cells = new Uint32Array(before.length * 2);
    for (let cell = 0; cell < before.length; cell += wordsOfDigest + 1) {
      const entry = before.subarray(cell, cell + wordsOfDigest + 1);
      if (entry[wordsOfDigest] !== 0) this.cells.set(entry, this.cellOf([...entry.subarray(0, wordsOfDigest)]));
    }
  }
}

function wordsOf(digest: string): number[] {
  return Array.from({ length: wordsOfDigest }, (_, index) =>
    Number.parseInt(digest.slice(index * 8, index * 8 + 8), 16),
  );
}
