/** One row of a source: its number, counted from 1, and its columns. */
export interface SourceRow {
  readonly number: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

export type Rows = AsyncIterable<SourceRow>;
