import { isUtf8 } from 'node:buffer';
import { open, stat } from 'node:fs/promises';
import {
  DuckDBBlobValue,
  DuckDBInstance,
  JsonDuckDBValueConverter,
  type DuckDBConnection,
  type DuckDBValueConverter,
  type Json,
} from '@duckdb/node-api';
import { Failure } from '@anneal/contracts';
import { sameName } from './csv.reader.js';
import type { RowBatches } from './row.batch.js';

// A set of any size is read in chunks; this bounds what DuckDB keeps beside them.
const engineLimits = { threads: '1', memory_limit: '512MB' };
const magic = 'PAR1';

/** Reads a parquet file chunk by chunk. Nested lists and structs come as plain arrays and objects. */
export async function* readParquet(path: string, name: string, limits = engineLimits): RowBatches {
  await requireComplete(path, name);
  const instance = await DuckDBInstance.create(':memory:', limits);
  const connection = await instance.connect();
  try {
    await requireDistinctColumns(connection, path, name);
    const result = await connection.stream('SELECT * FROM read_parquet($path)', { path });
    let number = 0;
    for await (const chunk of result.yieldConvertedRowObjects(toPlain)) {
      const rows = chunk.map((columns) => ({ number: (number += 1), unit: 'row' as const, columns }));
      yield { rows, problems: [] };
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    if (cause instanceof Error && cause.message.startsWith('Out of Memory')) throw tooLong(name, cause);
    const detail = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw unreadable(name, `is not a readable parquet file: ${detail.replaceAll(path, name)}`, cause);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * Whole numbers as numbers where these hold them exactly, else as text; text that was written as bytes as text, and bytes
 * that are none as an object: the engine would write them in escapes, which nobody wants to be learnt.
 */
const toPlain: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof DuckDBBlobValue)
    return isUtf8(value.bytes) ? Buffer.from(value.bytes).toString('utf8') : { bytes: value.bytes.length };
  return JsonDuckDBValueConverter(value, type, converter);
};

/** The engine would say the same with less: a file that broke off has no end mark. */
async function requireComplete(path: string, name: string): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, Math.max(0, size - 4));
    const end = buffer.toString('latin1', 0, bytesRead);
    if (end === 'PARE') throw unreadable(name, 'is an encrypted parquet file');
    if (end !== magic || size < 12) throw unreadable(name, `ends in the middle: a parquet file ends with ${magic}`);
  } finally {
    await file.close();
  }
}

/** Two columns of one name would come as "name" and "name_1", which nobody wrote. */
async function requireDistinctColumns(connection: DuckDBConnection, path: string, name: string): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT name, num_children FROM parquet_schema($path)', { path });
  const nodes = reader
    .getRows()
    .map(([column, children]) => ({ column: String(column), children: Number(children ?? 0) }));
  const columns: string[] = [];
  const skip = (from: number): number => {
    let next = from + 1;
    for (let child = nodes[from]?.children ?? 0; child > 0; child -= 1) next = skip(next);
    return next;
  };
  for (let at = 1; at < nodes.length; at = skip(at)) columns.push(nodes[at]?.column ?? '');
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) throw sameName(twice, columns, name);
}

/** The engine reads 2048 rows at once, so rows of some 100 KB each are more than it may hold. */
function tooLong(file: string, cause: unknown): Failure {
  return new Failure('DATASET_TOO_LARGE', `${file} unpacks to rows that are too long to be read in bounded memory.`, {
    remedy: 'If the file is right, save it as JSONL, which is read row by row.',
    file,
    cause,
  });
}

function unreadable(name: string, what: string, cause?: unknown): Failure {
  return new Failure('DATASET_UNREADABLE', `${name} ${what}.`, {
    remedy: 'Check that the file is complete; a download that broke off is the usual cause.',
    file: name,
    cause,
  });
}
