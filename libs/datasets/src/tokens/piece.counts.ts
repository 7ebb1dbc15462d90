import { mixed } from '../words/word.hashes.js';

/** Pieces of text repeat; so many of them are kept, and then all are forgotten: no set fills the memory. */
const capacity = 2 ** 18;
const mostKept = capacity * 0.75;
const numbersOfCell = 3;

/** FNV-1a, as words are hashed, and the same with another start and prime. */
const [firstStart, firstPrime] = [0x811c9dc5, 0x01000193];
const [secondStart, secondPrime] = [0x9e3779b1, 0x85ebca6b];

/**
 * How many tokens a piece of text has, by two 32-bit hashes of its letters: no string has to be made to look one up, and
 * none is kept.
 */
export class PieceCounts {
  /** Hash, hash, count + 1. */
  private readonly cells = new Uint32Array(capacity * numbersOfCell);
  private size = 0;
  private first = firstStart;
  private second = secondStart;

  /** Begins a piece. */
  begin(): void {
    this.first = firstStart;
    this.second = secondStart;
  }

  /** Takes the next letter of the piece. */
  take(code: number): void {
    this.first = Math.imul(this.first ^ code, firstPrime);
    this.second = Math.imul(this.second ^ code, secondPrime);
  }

  /** The tokens of the piece that was taken; -1 when they are not known. */
  get(): number {
    return (this.cells[this.cell() + 2] ?? 0) - 1;
  }

  set(count: number): void {
    if (this.size >= mostKept) this.clear();
    const cell = this.cell();
    this.cells[cell] = this.first >>> 0;
    this.cells[cell + 1] = this.second >>> 0;
    this.cells[cell + 2] = count + 1;
    this.size += 1;
  }

  clear(): void {
    this.cells.fill(0);
    this.size = 0;
  }

  private cell(): number {
    const { cells } = this;
    const [first, second] = [this.first >>> 0, this.second >>> 0];
    for (let place = mixed(first ^ second) & (capacity - 1); ; place = (place + 1) & (capacity - 1)) {
      const cell = place * numbersOfCell;
      if (cells[cell + 2] === 0) return cell;
      if (cells[cell] === first && cells[cell + 1] === second) return cell;
    }
  }
}
