import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTextLines, tooLong, type Message, type Tool, type TrainingRow } from '@anneal/rows';
import { readParquet } from '../readers/parquet.reader.js';
import { linedRow, storedRow } from './stored.line.js';

/** Name of the rows to train on in a prepared set. */
const trainFile = 'train.parquet';
/** The same in the sets of earlier versions, one JSON object a line. */
const earlierTrainFile = 'train.jsonl';

/** The file with the rows to train on, in a folder that holds a prepared set of this version or of an earlier one. */
function trainFileIn(directory: string): string {
  const path = join(directory, trainFile);
  return existsSync(path) ? path : join(directory, earlierTrainFile);
}

/** The rows to train on of a prepared set, in their order. */
export async function* readPreparedRows(directory: string): AsyncGenerator<TrainingRow> {
  const path = trainFileIn(directory);
  if (path.endsWith('.jsonl')) {
    for await (const { text } of readTextLines(path, (row) => tooLong(row, earlierTrainFile))) yield linedRow(text);
    return;
  }
  for await (const { rows } of readParquet(path, trainFile)) for (const { columns } of rows) yield rowOf(columns);
}

function rowOf({ messages, tools, text, chosen, rejected }: Readonly<Record<string, unknown>>): TrainingRow {
  if (typeof text === 'string') return storedRow({ text });
  const [said, declared] = [parsed(messages), parsed(tools)] as [Message[], Tool[] | undefined];
  if (typeof chosen === 'string' && typeof rejected === 'string')
    return storedRow({ messages: said, chosen, rejected });
  return storedRow({ messages: said, ...(declared ? { tools: declared } : {}) });
}

/** Rows with calls are stored as JSON text. */
function parsed(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : (value ?? undefined);
}
