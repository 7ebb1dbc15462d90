import { readTextLines, tooLong } from '@anneal/rows';
import type { RawRow } from '../preparation/lane.js';
import type { SourceFile, StagedSource } from '../sources/source.js';
import { rowsOf } from './read.rows.js';

/** Small enough that the thread which hands them on is soon free again. */
const rowsOfBatch = 256;
const charactersOfBatch = 1024 * 1024;

/** Rows of one file, one after the other. */
export interface RowBatch {
  readonly file: string;
  /** Rows of the files before this one: what turns a row's number into its place in the whole source. */
  readonly before: number;
  readonly raw: readonly RawRow[];
}

/** All rows of a source as they are read, in batches. Lines stay texts, so that other threads can parse them. */
export async function* readBatches({ files }: StagedSource, limit: number | undefined): AsyncIterable<RowBatch> {
  let before = 0;
  let left = limit ?? Number.POSITIVE_INFINITY;
  for (const file of files) {
    let raw: RawRow[] = [];
    let characters = 0;
    let last = 0;
    for await (const row of rawRowsOf(file)) {
      raw.push(row);
      last = row.number;
      left -= 1;
      if ('text' in row) characters += row.text.length;
      if (raw.length >= rowsOfBatch || characters >= charactersOfBatch || left <= 0) {
        yield { file: file.name, before, raw };
        [raw, characters] = [[], 0];
        if (left <= 0) return;
      }
    }
    if (raw.length > 0) yield { file: file.name, before, raw };
    before += last;
  }
}

function rawRowsOf(file: SourceFile): AsyncIterable<RawRow> {
  if (file.format !== 'jsonl') return rowsOf(file);
  return readTextLines(file.path, (row) => tooLong(row, file.name));
}
