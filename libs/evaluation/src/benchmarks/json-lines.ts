import { Failure } from '@anneal/contracts';
import { longestLine, readTextLines } from '@anneal/rows';

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
  for await (const { number, text } of readTextLines(path, (line) => tooLong(line, name)))
    yield { row: number, value: parse(text, number, name) };
}

function tooLong(row: number, file: string): Failure {
  return new Failure('BENCHMARK_INVALID', `Line ${row} of ${file} is longer than ${longestLine} bytes.`, {
    remedy: 'Write one JSON object per line; a JSON array over the whole file is not JSONL.',
    file,
    row,
  });
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
