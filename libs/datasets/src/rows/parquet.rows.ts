import { DuckDBInstance } from '@duckdb/node-api';
import { Failure } from '@anneal/contracts';
import type { Rows } from '@anneal/rows';

// A set of any size is read in chunks; this bounds what DuckDB keeps beside them.
const engineLimits = { threads: '1', memory_limit: '512MB' };

/** Reads a parquet file chunk by chunk. Nested lists and structs come as plain arrays and objects. */
export async function* readParquetRows(path: string, name: string): Rows {
  const instance = await DuckDBInstance.create(':memory:', engineLimits);
  const connection = await instance.connect();
  try {
    const result = await connection.stream('SELECT * FROM read_parquet($path)', { path });
    let number = 0;
    for await (const chunk of result.yieldRowObjectJson()) {
      for (const columns of chunk) {
        number += 1;
        yield { number, unit: 'row', columns };
      }
    }
  } catch (cause) {
    const detail = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Failure('DATASET_UNREADABLE', `${name} is not a readable parquet file: ${detail}`, {
      remedy: 'Check that the file is complete; a download that broke off is the usual cause.',
      file: name,
      cause,
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
