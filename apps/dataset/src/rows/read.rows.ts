import type { AcceptedRunSpec } from '@anneal/contracts';
import type { StagedSource } from '../sources/source.js';
import { findColumns, toConversation, type Conversation } from './conversation.js';
import { readJsonlRows } from './jsonl.rows.js';
import { readParquetRows } from './parquet.rows.js';

/** All rows of a source as conversations, in the order of the source. */
export async function* readRows(
  source: StagedSource,
  dataset: AcceptedRunSpec['dataset'],
): AsyncIterable<Conversation> {
  const rows =
    source.format === 'parquet' ? readParquetRows(source.path, source.name) : readJsonlRows(source.path, source.name);
  let columns: ReturnType<typeof findColumns> | undefined;
  let taken = 0;
  for await (const row of rows) {
    columns ??= findColumns(row, dataset.columns, source.name);
    yield toConversation(row, columns, dataset.system, source.name);
    taken += 1;
    if (dataset.limit !== undefined && taken >= dataset.limit) return;
  }
}
