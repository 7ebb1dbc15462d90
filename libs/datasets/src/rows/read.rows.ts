import type { AcceptedRunSpec } from '@anneal/contracts';
import { findFormat, toConversation, type Conversation, type DataFormat } from '@anneal/rows';
import { readFileRows } from '../readers/read.file.js';
import type { StagedSource } from '../sources/source.js';

/** All rows of a source as conversations, in the order of the source. */
export async function* readRows(
  { files }: StagedSource,
  dataset: AcceptedRunSpec['dataset'],
): AsyncIterable<Conversation> {
  let format: DataFormat | undefined;
  let taken = 0;
  for (const file of files) {
    for await (const row of readFileRows(file)) {
      format ??= findFormat([row], dataset.columns, file.name);
      yield toConversation(row, format, dataset.system, file.name);
      taken += 1;
      if (dataset.limit !== undefined && taken >= dataset.limit) return;
    }
  }
}
