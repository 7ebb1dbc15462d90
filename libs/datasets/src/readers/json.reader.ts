import { isUtf8 } from 'node:buffer';
import { Failure } from '@anneal/contracts';
import { jsonObject, longestLine, UnreadableRow, type SourceRow } from '@anneal/rows';
import { JsonElements, type JsonStop } from './json.elements.js';
import type { RowBatches } from './row.batch.js';

/** The objects of a JSON list, which is the document or stands in it as `data` or `rows`. */
export async function* readJson(bytes: AsyncIterable<Buffer>, name: string): RowBatches {
  const elements = new JsonElements(longestLine);
  let number = 0;
  for await (const chunk of bytes) {
    const rows: SourceRow[] = [];
    const problems: Failure[] = [];
    for (const element of elements.push(chunk)) {
      number += 1;
      const columns = objectIn(element, number, name);
      if (columns instanceof Failure) problems.push(columns);
      else rows.push({ number, unit: 'row', columns });
    }
    if (rows.length > 0 || problems.length > 0) yield { rows, problems };
    if (elements.stopped) throw stopFailure(elements.stopped, name);
  }
  if (elements.complete) return;
  throw new Failure('DATASET_UNREADABLE', `${name} ends in the middle, after row ${number} of its JSON list.`, {
    remedy: 'Check that the file is complete; a download that broke off is the usual cause.',
    file: name,
  });
}

function objectIn(element: Buffer | undefined, row: number, file: string): Record<string, unknown> | Failure {
  const where = `Row ${row} of ${file}`;
  if (!element) {
    const remedy = 'Remove the row, or write its parts as rows of their own.';
    return new UnreadableRow('too-large', `${where} is longer than ${longestLine} bytes.`, { remedy, file, row });
  }
  if (!isUtf8(element)) {
    const remedy = 'Save the file as UTF-8.';
    return new UnreadableRow('not-utf-8', `${where} is not UTF-8.`, { remedy, file, row });
  }
  try {
    return jsonObject(element.toString('utf8'), where, { file, row });
  } catch (error) {
    if (error instanceof UnreadableRow) return error;
    throw error;
  }
}

function stopFailure(stop: JsonStop, file: string): Failure {
  switch (stop) {
    case 'no-list':
      return new Failure('DATASET_UNREADABLE', `${file} is JSON, but holds no list of rows.`, {
        remedy: 'Write a list of objects, an object with such a list as "data" or "rows", or one object per line.',
        file,
      });
    case 'trailing':
      return new Failure('DATASET_UNREADABLE', `${file} goes on after its JSON document has ended.`, {
        remedy: 'Write one list of objects, or one object per line.',
        file,
      });
  }
}
