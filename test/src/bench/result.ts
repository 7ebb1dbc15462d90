import type { Samples } from './samples.js';

/** A line of the table. `median` and `p99` are in `unit`. */
export interface Result {
  readonly name: string;
  readonly unit: 'ms' | 'MiB' | '1/s';
  readonly samples: Samples;
  readonly goal?: { readonly what: string; readonly met: (samples: Samples) => boolean };
}

export interface BenchOptions {
  /** A short run, to see that it works. */
  readonly quick: boolean;
}

/** Measures something, and tells nothing but what it measured. */
export type Bench = (options: BenchOptions) => Promise<Result[]>;

export function table(results: readonly Result[]): string {
  const head = ['benchmark', 'n', 'median', 'p99', 'unit', 'goal'];
  const rows = results.map(({ name, unit, samples, goal }) => [
    name,
    String(samples.values.length),
    digits(samples.median),
    digits(samples.p99),
    unit,
    goal ? `${goal.what}: ${goal.met(samples) ? 'met' : 'missed'}` : '',
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
