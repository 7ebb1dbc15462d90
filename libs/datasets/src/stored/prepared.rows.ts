import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTextLines, tooLong, type Conversation, type Message, type Tool } from '@anneal/rows';
import { readParquet } from '../readers/parquet.reader.js';
import { linedConversation, storedConversation } from './stored.line.js';

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
export async function* readPreparedRows(directory: string): AsyncGenerator<Conversation> {
  const path = trainFileIn(directory);
  if (path.endsWith('.jsonl')) {
    for await (const { text } of readTextLines(path, (row) => tooLong(row, earlierTrainFile)))
      yield linedConversation(text);
    return;
  }
  for await (const { rows } of readParquet(path, trainFile))
    for (const { columns } of rows) yield conversationOf(columns);
}

function conversationOf({ messages, tools, text }: Readonly<Record<string, unknown>>): Conversation {
  if (typeof text === 'string') return storedConversation({ text });
  const [said, declared] = [parsed(messages), parsed(tools)] as [Message[], Tool[] | undefined];
  return storedConversation({ messages: said, ...(declared ? { tools: declared } : {}) });
}

/** Rows with calls are stored as JSON text. */
function parsed(value: unknown): unknown {
  return typeof value === 'string' ? JSON.parse(value) : (value ?? undefined);
}
