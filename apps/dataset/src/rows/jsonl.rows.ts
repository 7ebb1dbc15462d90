import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Rows } from './row.js';

const object = z.record(z.string(), z.unknown());

/** Reads one JSON object per line; empty lines are passed over, anything else is named by its line. */
export async function* readJsonlRows(path: string, name: string): Rows {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') continue;
    yield { number, columns: parseLine(text, number, name) };
  }
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
