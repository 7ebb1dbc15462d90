/** Numbers to look up, which a Set of the language would box first. */
export class ShingleSet {
  private readonly cells: Int32Array;
  private readonly mask: number;
  /** Stands for an empty cell, and is looked up by itself. */
  private readonly holdsZero: boolean;

  constructor(shingles: Iterable<number>) {
    const all = [...shingles];
    const capacity = 2 ** Math.ceil(Math.log2(2 * all.length + 1));
    this.cells = new Int32Array(capacity);
    this.mask = capacity - 1;
    this.holdsZero = all.includes(0);
    for (const shingle of all) this.cells[this.cellOf(shingle)] = shingle;
  }

  has(shingle: number): boolean {
    return shingle === 0 ? this.holdsZero : this.cells[this.cellOf(shingle)] === shingle;
  }

  private cellOf(shingle: number): number {
    let cell = shingle & this.mask;
    while (this.cells[cell] !== 0 && this.cells[cell] !== shingle) cell = (cell + 1) & this.mask;
    return cell;
  }
}
