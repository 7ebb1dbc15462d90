/** Stands for a run of words that many questions share. */
const everywhere = -1;
const numbersOfCell = 4;
const bytesOfCell = 4 * numbersOfCell;
const bytesOfBits = 0.5;
const cellsOfEntry = 1.25;

/**
 * Which question of a benchmark holds which run of words. Fixed in size and made of plain numbers in shared memory, so that
 * every worker reads the same copy.
 */
export class GramTable {
  private readonly cells: Int32Array;
  /** A bit for some of the hash of each run. Most runs of a text are in no question, which so few bytes tell faster. */
  private readonly bits: Int32Array;
  private readonly cellMask: number;
  private readonly bitMask: number;

  private constructor(readonly memory: SharedArrayBuffer) {
    // Half a byte of bits for each cell.
    const capacity = memory.byteLength / (bytesOfCell + bytesOfBits);
    this.cells = new Int32Array(memory, 0, capacity * numbersOfCell);
    this.bits = new Int32Array(memory, capacity * bytesOfCell);
    this.cellMask = capacity - 1;
    this.bitMask = this.bits.length * 32 - 1;
  }

  /** @param entries how many runs will be added at most */
  static forEntries(entries: number): GramTable {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, entries) * cellsOfEntry));
    return new GramTable(new SharedArrayBuffer(capacity * (bytesOfCell + bytesOfBits)));
  }

  static over(memory: SharedArrayBuffer): GramTable {
    return new GramTable(memory);
  }

  /** @param most how many questions may share a run before it says nothing about any of them */
  add(first: number, second: number, item: number, most: number): void {
    const { cells } = this;
    const cell = this.cellOf(first, second);
    const held = cells[cell + 2] ?? 0;
    if (held === 0) {
      const bit = this.bitOf(first, second);
      this.bits[bit >>> 5] = (this.bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
      cells[cell] = first;
      cells[cell + 1] = second;
      cells[cell + 2] = item + 1;
      cells[cell + 3] = 1;
    } else if (held !== everywhere && held !== item + 1) {
      // The first question keeps the run; the next ones are counted.
      const count = (cells[cell + 3] ?? 0) + 1;
      cells[cell + 3] = count;
      if (count > most) cells[cell + 2] = everywhere;
    }
  }

  /** The first question that holds the run, or -1. */
  find(first: number, second: number): number {
    const bit = this.bitOf(first, second);
    if (((this.bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return -1;
    const held = this.cells[this.cellOf(first, second) + 2] ?? 0;
    return held === 0 || held === everywhere ? -1 : held - 1;
  }

  private bitOf(first: number, second: number): number {
    return (first ^ Math.imul(second, 0x9e3779b1)) & this.bitMask;
  }

  private cellOf(first: number, second: number): number {
    const { cells, cellMask } = this;
    for (let place = first & cellMask; ; place = (place + 1) & cellMask) {
      const cell = place * numbersOfCell;
      if (cells[cell + 2] === 0) return cell;
      if (cells[cell] === first && cells[cell + 1] === second) return cell;
    }
  }
}
