import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluationReport } from '@anneal/contracts';

const answerColumns = (model: string) => ({
  [`${model}_answer`]: 'VARCHAR',
  [`${model}_outcome`]: 'VARCHAR',
  [`${model}_letter`]: 'VARCHAR',
  [`${model}_step`]: 'INTEGER',
  [`${model}_partial`]: 'DOUBLE',
  [`${model}_finish`]: 'VARCHAR',
  [`${model}_tokens`]: 'INTEGER',
  [`${model}_seconds`]: 'DOUBLE',
});
const columns = {
  benchmark: 'VARCHAR',
  id: 'VARCHAR',
  subject: 'VARCHAR',
  prompt: 'VARCHAR',
  expected: 'VARCHAR',
  ...answerColumns('base'),
  ...answerColumns('tuned'),
};

/**
 * The items of a report as a parquet file, one row each: base_answer, base_outcome, ..., tuned_answer, and so on.
 *
 * @param directory for files that are gone again when this ends
 */
export async function itemsParquet(report: EvaluationReport, directory: string): Promise<Buffer> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  await mkdir(directory, { recursive: true });
  const [lines, target] = [join(directory, 'items.jsonl'), join(directory, 'items.parquet')];
  // One thread, so that the same report is the same bytes.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB' });
  try {
    const rows = report.items.map((item) => `${JSON.stringify(rowOf(item))}\n`);
    await writeFile(lines, rows.join(''));
    const connection = await instance.connect();
    const list = Object.entries(columns).map(([name, type]) => `${name}: '${type}'`);
    await connection.run(
      `COPY (SELECT * FROM read_json(${quoted(lines)}, format = 'newline_delimited', columns = {${list.join(', ')}},
                                     maximum_object_size = ${longestOf(rows)}))
         TO ${quoted(target)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    connection.closeSync();
    return await readFile(target);
  } finally {
    instance.closeSync();
    await rm(lines, { force: true });
    await rm(target, { force: true });
  }
}

function rowOf({ base, tuned, ...item }: EvaluationReport['items'][number]): Record<string, unknown> {
  const named = (model: string, answer: typeof base) =>
    Object.fromEntries(Object.entries(answer).map(([name, value]) => [`${model}_${name}`, value]));
  return { ...item, ...named('base', base), ...named('tuned', tuned) };
}

/** DuckDB takes buffers of this size, and makes them slowly; a character has at most three bytes here. */
function longestOf(rows: readonly string[]): number {
  return rows.reduce((longest, row) => Math.max(longest, row.length * 3), 1024 * 1024);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
