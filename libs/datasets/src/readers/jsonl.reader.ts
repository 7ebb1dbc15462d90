import { Failure } from '@anneal/contracts';
import { jsonlRow, readLineBatches, type SourceRow } from '@anneal/rows';
import type { RowBatches } from './row.batch.js';

/** One JSON object per line. A line that is none is a problem, and the next one is read. */
export async function* readJsonl(bytes: AsyncIterable<Buffer>, name: string): RowBatches {
  for await (const lines of readLineBatches(bytes)) {
    const rows: SourceRow[] = [];
    const problems: Failure[] = [];
    for (const line of lines) {
      try {
        rows.push(jsonlRow(line, name));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        problems.push(error);
      }
    }
    yield { rows, problems };
  }
}
