import type { Failure } from '@anneal/contracts';
import type { SourceRow } from '@anneal/rows';
import { readSourceBatches } from '../readers/read.file.js';
import type { StagedSource } from '../sources/source.js';

/** Small enough that all threads get something to do, large enough that handing it over costs little. */
const rowsOfBatch = 512;

/** Some rows of one file, one after the other. */
export interface RowBatch {
  readonly file: string;
  /** Rows of the files before this one: what turns a row's number into its place in the whole source. */
  readonly before: number;
  readonly rows: readonly SourceRow[];
  /** Rows that could not be read. */
  readonly problems: readonly Failure[];
}

/**
 * All rows of a source, in batches.
 *
 * @param limit takes only the first rows
 */
export async function* readBatches(source: StagedSource, limit: number | undefined): AsyncIterable<RowBatch> {
  let [before, last, left] = [0, 0, limit ?? Number.MAX_SAFE_INTEGER];
  let file: StagedSource['files'][number] | undefined;
  for await (const batch of readSourceBatches(source)) {
    if (batch.file !== file) [file, before, last] = [batch.file, before + last, 0];
    const { name } = batch.file;
    last = Math.max(last, ...[batch.rows.at(-1)?.number, batch.problems.at(-1)?.row].map((number) => number ?? 0));
    const rows = batch.rows.slice(0, left);
    // A row that cannot be read is one of the first ones only when a later one is taken.
    const end = rows.length < batch.rows.length ? (rows.at(-1)?.number ?? 0) : Number.POSITIVE_INFINITY;
    const problems = batch.problems.filter(({ row = 0 }) => row < end);
    if (problems.length > 0) yield { file: name, before, rows: [], problems };
    for (let from = 0; from < rows.length; from += rowsOfBatch)
      yield { file: name, before, rows: rows.slice(from, from + rowsOfBatch), problems: [] };
    left -= rows.length;
    if (left <= 0) return;
  }
}
