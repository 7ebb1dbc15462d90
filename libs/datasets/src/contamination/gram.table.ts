/** Stands for a run of words that many questions share. */
const everywhere = 0xffff_ffff;

/**
 * Which question of a benchmark holds which run of words. Fixed in size and made of plain numbers in shared memory, so that
 * every worker reads the same copy.
 */
export class GramTable {
  private readonly mask: number;

  private constructor(private readonly cells: Uint32Array) {
    this.mask = cells.length / 4 - 1;
  }

  /** @param entries how many runs will be added at most */
  static forEntries(entries: number): GramTable {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(16, entries * 1.4)));
    return new GramTable(new Uint32Array(new SharedArrayBuffer(capacity * 16)));
  }

  static over(memory: SharedArrayBuffer): GramTable {
    return new GramTable(new Uint32Array(memory));
  }

  get memory(): SharedArrayBuffer {
    return this.cells.buffer as SharedArrayBuffer;
  }

  /** @param most how many questions may share a run before it says nothing about any of them */
  add(first: number, second: number, item: number, most: number): void {
    const { cells } = this;
    const cell = this.cellOf(first, second);
    const held = cells[cell + 2] ?? 0;
    if (held === 0) {
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
    const held = this.cells[this.cellOf(first, second) + 2] ?? 0;
    return held === 0 || held === everywhere ? -1 : held - 1;
  }

  private cellOf(first: number, second: number): number {
    for (let place = first & this.mask; ; place = (place + 1) & this.mask) {
      const cell = place * 4;
      if (this.cells[cell + 2] === 0) return cell;
      if (this.cells[cell] === first && this.cells[cell + 1] === second) return cell;
    }
  }
}
