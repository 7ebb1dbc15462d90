import { Failure } from '@anneal/contracts';
import { longestLine, readTextLines } from '@anneal/service';
import { z } from 'zod';
import type { Rows } from './row.js';

const object = z.record(z.string(), z.unknown());

/** Reads one JSON object per line; empty lines are passed over, anything else is named by its line. */
export async function* readJsonlRows(path: string, name: string): Rows {
  for await (const { number, text } of readTextLines(path, (line) => tooLong(line, name)))
    yield { number, columns: parseLine(text, number, name) };
}

function tooLong(row: number, file: string): Failure {
  return new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} is longer than ${longestLine} characters.`, {
    remedy: 'Write one JSON object per line; a JSON array over the whole file is not JSONL.',
    file,
    row,
  });
}

function parseLine(line: string, row: number, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
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
  return parsed.data;
}
