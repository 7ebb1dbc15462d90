import { isPair, type Message, type Tool, type TrainingRow } from '@anneal/rows';

interface Stored {
  readonly messages?: readonly Message[];
  readonly tools?: readonly Tool[];
  readonly text?: string;
  readonly chosen?: string;
  readonly rejected?: string;
}

/** A row as one line of JSON. */
export function storedLine(row: TrainingRow): string {
  if (isPair(row)) {
    const { messages, chosen, rejected } = row;
    return JSON.stringify({ messages, chosen, rejected });
  }
  const { messages, tools, plain } = row;
  if (plain) return JSON.stringify({ text: messages[0]?.content ?? '' });
  return JSON.stringify(tools === undefined ? { messages } : { messages, tools });
}

/** The row on such a line. */
export function linedRow(line: string): TrainingRow {
  return storedRow(JSON.parse(line) as Stored);
}

/** The row that the columns of a stored one are. */
export function storedRow({ messages = [], tools, text, chosen, rejected }: Stored): TrainingRow {
  if (text !== undefined) return { messages: [{ role: 'assistant', content: text }], plain: true };
  if (chosen !== undefined && rejected !== undefined) return { messages, chosen, rejected };
  return tools === undefined ? { messages } : { messages, tools };
}
