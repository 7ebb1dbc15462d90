import { createReadStream } from 'node:fs';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Rows } from './row.js';

const object = z.record(z.string(), z.unknown());

/** Characters of a line at most; a file without line ends must not end up in memory as a whole. */
const longestLine = 16 * 1024 * 1024;

/** Reads one JSON object per line; empty lines are passed over, anything else is named by its line. */
export async function* readJsonlRows(path: string, name: string): Rows {
  let number = 0;
  for await (const line of linesOf(path, name)) {
    number += 1;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') continue;
    yield { number, columns: parseLine(text, number, name) };
  }
}

/** Not with `readline`: that also ends lines at U+2028 and U+2029, which may stand inside a JSON string. */
async function* linesOf(path: string, name: string): AsyncIterable<string> {
  let rest = '';
  let number = 1;
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1024 * 1024 })) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    number += lines.length;
    if (rest.length > longestLine) throw tooLong(number, name);
  }
  if (rest !== '') yield rest;
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
