import type { Failure } from '@anneal/contracts';
import type { SourceRow } from '@anneal/rows';
import { readSourceBatches } from '../readers/read.file.js';
import type { StagedSource } from '../sources/source.js';

/** Small enough that all threads get something to do, large enough that handing it over costs little. */
const rowsOfBatch = 512;
/** Of the first batch: rows may have 16 MiB each. */
const mostCharacters = 4 * 1024 * 1024;

/** Some rows of one file, one after the other. */
export interface RowBatch {
  readonly file: string;
  /** Which of the files of a source it is, counted from 1; left out where there is one only. */
  readonly fileNumber: number | undefined;
  /** Rows of the files before this one: what turns a row's number into its place in the whole source. */
  readonly before: number;
  readonly rows: readonly SourceRow[];
  /** Rows that could not be read. */
  readonly problems: readonly Failure[];
}

/**
 * All rows of a source, in batches. The first one, by which the whole set is judged, has the same rows however few of them
 * the file gives at once.
 *
 * @param limit takes only the first rows
 */
export async function* readBatches(source: StagedSource, limit: number | undefined): AsyncIterable<RowBatch> {
  let first: FirstRows | undefined = new FirstRows();
  for await (const batch of batchesAsRead(source, limit)) {
    if (!first || batch.rows.length === 0) yield batch;
    else {
      const gathered: readonly RowBatch[] = first.take(batch);
      if (gathered.length > 0) first = undefined;
      yield* gathered;
    }
  }
  if (first) yield* first.held;
}

/** Gathers the rows of the first batch, which are of one file. */
class FirstRows {
  /** The batch in the making, if there are rows yet. */
  held: RowBatch[] = [];
  private characters = 0;

  /** Nothing as long as there may be more; then the first batch, and what is left of the one that came last. */
  take(batch: RowBatch): readonly RowBatch[] {
    const [before] = this.held;
    if (before && before.file !== batch.file) return [before, batch];
    const rows = [...(before?.rows ?? [])];
    let taken = 0;
    for (; taken < batch.rows.length && !this.isFull(rows); taken += 1) {
      const row = batch.rows[taken];
      if (!row) break;
      rows.push(row);
      this.characters += JSON.stringify(row.columns).length;
    }
    this.held = [{ ...batch, rows }];
    if (!this.isFull(rows)) return [];
    return taken < batch.rows.length ? [...this.held, { ...batch, rows: batch.rows.slice(taken) }] : this.held;
  }

  private isFull(rows: readonly SourceRow[]): boolean {
    return rows.length >= rowsOfBatch || this.characters >= mostCharacters;
  }
}

async function* batchesAsRead(source: StagedSource, limit: number | undefined): AsyncIterable<RowBatch> {
  let [before, last, left] = [0, 0, limit ?? Number.MAX_SAFE_INTEGER];
  let file: StagedSource['files'][number] | undefined;
  for await (const batch of readSourceBatches(source)) {
    if (batch.file !== file) [file, before, last] = [batch.file, before + last, 0];
    const place = {
      file: batch.file.name,
      fileNumber: source.files.length > 1 ? source.files.indexOf(batch.file) + 1 : undefined,
      before,
    };
    last = Math.max(last, ...[batch.rows.at(-1)?.number, batch.problems.at(-1)?.row].map((number) => number ?? 0));
    const rows = batch.rows.slice(0, left);
    // A row that cannot be read is one of the first ones only when a later one is taken.
    const end = rows.length < batch.rows.length ? (rows.at(-1)?.number ?? 0) : Number.POSITIVE_INFINITY;
    const problems = batch.problems.filter(({ row = 0 }) => row < end);
    if (problems.length > 0) yield { ...place, rows: [], problems };
    for (let from = 0; from < rows.length; from += rowsOfBatch)
      yield { ...place, rows: rows.slice(from, from + rowsOfBatch), problems: [] };
    left -= rows.length;
    if (left <= 0) return;
  }
}
