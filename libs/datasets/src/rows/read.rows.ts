import type { AcceptedRunSpec } from '@anneal/contracts';
import { findColumns, toConversation, type Conversation } from '@anneal/rows';
import { readFileRows } from '../readers/read.file.js';
import type { StagedSource } from '../sources/source.js';

/** All rows of a source as conversations, in the order of the source. */
export async function* readRows(
  { files }: StagedSource,
  dataset: AcceptedRunSpec['dataset'],
): AsyncIterable<Conversation> {
  let columns: ReturnType<typeof findColumns> | undefined;
  let taken = 0;
  for (const file of files) {
    for await (const row of readFileRows(file)) {
      columns ??= findColumns(row, dataset.columns, file.name);
      yield toConversation(row, columns, dataset.system, file.name);
      taken += 1;
      if (dataset.limit !== undefined && taken >= dataset.limit) return;
    }
  }
}
