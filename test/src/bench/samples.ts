/** Measured values, in the order in which they were taken. */
export class Samples {
  readonly values: number[] = [];

  add(value: number): void {
    this.values.push(value);
  }

  get median(): number {
    return this.percentile(50);
  }

  get p99(): number {
    return this.percentile(99);
  }

  /** Nearest rank: the smallest value that at least so many percent of all do not exceed. NaN when there is none. */
  private percentile(percent: number): number {
    const sorted = this.values.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
  }
}
