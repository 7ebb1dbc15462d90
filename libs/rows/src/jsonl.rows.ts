import { namesKeyTwice } from './json.keys.js';
import type { Rows, SourceRow } from './row.js';
import { longestLine, readTextLines, type TextLine } from './text-lines.js';
import { UnreadableRow } from './unreadable.row.js';

/** Reads one JSON object per line; empty lines are passed over, anything else is named by its line. */
export async function* readJsonlRows(path: string, name: string): Rows {
  for await (const line of readTextLines(path, (number) => tooLong(number, name))) yield jsonlRow(line, name);
}

/** What is said about a line that is too long to be read. */
export function tooLong(row: number, file: string): UnreadableRow {
  return new UnreadableRow('too-large', `Line ${row} of ${file} is longer than ${longestLine} bytes.`, {
    remedy: 'Write one JSON object per line; a JSON array over the whole file is not JSONL.',
    file,
    row,
  });
}

/** The row on a line, or what is wrong with the line. */
export function jsonlRow({ number: row, text, isUtf8, isTooLong }: TextLine, file: string): SourceRow {
  if (isTooLong) throw tooLong(row, file);
  const where = `Line ${row} of ${file}`;
  if (!isUtf8)
    throw new UnreadableRow('not-utf-8', `${where} is not UTF-8.`, { remedy: 'Save the file as UTF-8.', file, row });
  return { number: row, unit: 'line', columns: jsonObject(text, where, { file, row }) };
}

/**
 * The object that a JSON text is.
 *
 * @param where names it at the beginning of a sentence
 */
export function jsonObject(
  text: string,
  where: string,
  place: { readonly file: string; readonly row: number },
): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const remedy = 'Write each row as one JSON object.';
    throw new UnreadableRow('not-json', `${where} is not JSON: ${detail}.`, { remedy, ...place, cause });
  }
  if (!isObject(value)) {
    const remedy = 'Write each row as an object with named columns, as in {"question": "...", "answer": "..."}.';
    throw new UnreadableRow('not-json', `${where} is JSON, but not an object.`, { remedy, ...place });
  }
  if (namesKeyTwice(text, value)) {
    const remedy = 'Name each key of an object once: readers of JSON differ in which of two they take.';
    throw new UnreadableRow('duplicate-key', `${where} names a key of an object twice.`, { remedy, ...place });
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
