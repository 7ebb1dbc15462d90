import type { Failure } from '@anneal/contracts';
import type { SourceRow } from '@anneal/rows';

/** Rows that were read at once: a step of an asynchronous iterator for each would cost more than the row. */
export interface RowBatch {
  readonly rows: readonly SourceRow[];
  /** Rows that could not be read, each with its number, after which reading went on. */
  readonly problems: readonly Failure[];
}

export type RowBatches = AsyncGenerator<RowBatch>;
