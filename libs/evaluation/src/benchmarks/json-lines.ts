import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Failure } from '@anneal/contracts';
import { longestLine, readLineBatches } from '@anneal/rows';

export interface JsonLine {
  /** Line of the file, counted from 1. */
  readonly row: number;
  readonly value: unknown;
}

/**
 * One JSON value per line; empty lines are passed over. A file whose name ends in .gz is unpacked on the way.
 *
 * @param name how messages name the file
 */
export async function* readJsonLines(path: string, name: string): AsyncIterable<JsonLine> {
  try {
    for await (const lines of readLineBatches(bytesOf(path), (line) => tooLong(line, name)))
      for (const { number, text } of lines) yield { row: number, value: parse(text, number, name) };
  } catch (error) {
    throw unpackFailure(error, name) ?? error;
  }
}

function bytesOf(path: string): AsyncIterable<Buffer> {
  const packed = createReadStream(path, { highWaterMark: 1024 * 1024 });
  if (!path.endsWith('.gz')) return packed;
  const unpacked = createGunzip({ chunkSize: 1024 * 1024 });
  packed.on('error', (error) => unpacked.destroy(error));
  return packed.pipe(unpacked);
}

/** Errors of zlib say in a code of theirs what is wrong: Z_DATA_ERROR, Z_BUF_ERROR. */
function unpackFailure(error: unknown, file: string): Failure | undefined {
  if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))) return undefined;
  return new Failure('BENCHMARK_INVALID', `${file} cannot be unpacked: ${error.message}.`, {
    remedy: 'Check that the file is complete, and really is of gzip.',
    file,
    cause: error,
  });
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
