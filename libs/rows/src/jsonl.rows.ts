import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Rows, SourceRow } from './row.js';
import { longestLine, readTextLines, type TextLine } from './text-lines.js';

const object = z.record(z.string(), z.unknown());

/** Reads one JSON object per line; empty lines are passed over, anything else is named by its line. */
export async function* readJsonlRows(path: string, name: string): Rows {
  for await (const line of readTextLines(path, (number) => tooLong(number, name))) yield jsonlRow(line, name);
}

/** What is said about a line that is too long to be read. */
export function tooLong(row: number, file: string): Failure {
  return new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} is longer than ${longestLine} bytes.`, {
    remedy: 'Write one JSON object per line; a JSON array over the whole file is not JSONL.',
    file,
    row,
  });
}

/** The row on a line, or what is wrong with the line. */
export function jsonlRow({ number: row, text, isUtf8 }: TextLine, file: string): SourceRow {
  if (!isUtf8) {
    throw new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} is not UTF-8.`, {
      remedy: 'Save the file as UTF-8.',
      file,
      row,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} is not JSON: ${detail}.`, {
      remedy: 'Write one JSON object per line.',
      file,
      row,
      cause,
    });
  }
  const parsed = object.safeParse(value);
  if (!parsed.success) {
    throw new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} is JSON, but not an object.`, {
      remedy: 'Write one JSON object with named columns per line.',
      file,
      row,
    });
  }
  return { number: row, unit: 'line', columns: parsed.data };
}
