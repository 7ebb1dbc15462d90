import type { AcceptedRunSpec } from '@anneal/contracts';
import { findFormat, readJsonlRows, toConversation, type Conversation, type DataFormat, type Rows } from '@anneal/rows';
import type { SourceFile, StagedSource } from '../sources/source.js';
import { readParquetRows } from './parquet.rows.js';

/** All rows of a source as conversations, in the order of the source. */
export async function* readRows(
  { files }: StagedSource,
  dataset: AcceptedRunSpec['dataset'],
): AsyncIterable<Conversation> {
  let format: DataFormat | undefined;
  let taken = 0;
  for (const file of files) {
    for await (const row of rowsOf(file)) {
      format ??= findFormat([row], dataset.columns, file.name);
      yield toConversation(row, format, dataset.system, file.name);
      taken += 1;
      if (dataset.limit !== undefined && taken >= dataset.limit) return;
    }
  }
}

/** The rows of one file, whatever its format. */
export function rowsOf({ format, path, name }: SourceFile): Rows {
  return format === 'parquet' ? readParquetRows(path, name) : readJsonlRows(path, name);
}
