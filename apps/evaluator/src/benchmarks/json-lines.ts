import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Failure } from '@anneal/contracts';

export interface JsonLine {
  /** Line of the file, counted from 1. */
  readonly row: number;
  readonly value: unknown;
}

/**
 * One JSON value per line; empty lines are passed over.
 *
 * @param name how messages name the file
 */
export async function* readJsonLines(path: string, name: string): AsyncIterable<JsonLine> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
  let row = 0;
  for await (const line of lines) {
    row += 1;
    const text = row === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() === '') continue;
    yield { row, value: parse(text, row, name) };
  }
}

function parse(text: string, row: number, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new Failure('BENCHMARK_INVALID', `Line ${row} of ${file} is not JSON: ${detail}.`, {
      remedy: 'Write one JSON object per line.',
      file,
      row,
      cause,
    });
  }
}
