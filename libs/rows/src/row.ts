/** One row of a source, and its columns. */
export interface SourceRow {
  /** Counted from 1: the line of a text file, which empty lines count in, or the row of a table. */
  readonly number: number;
  readonly unit: 'line' | 'row';
  readonly columns: Readonly<Record<string, unknown>>;
}

export type Rows = AsyncIterable<SourceRow>;
