/** A list of numbers that grows: four bytes each, for as many rows as there are. */
export class NumberList {
  private values = new Uint32Array(1024);
  private size = 0;

  get length(): number {
    return this.size;
  }

  push(value: number): void {
    if (this.size === this.values.length) {
      const larger = new Uint32Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.size] = value;
    this.size += 1;
  }

  at(index: number): number {
    return this.values[index] ?? 0;
  }

  sorted(): Uint32Array {
    return this.values.slice(0, this.size).sort();
  }
}
