import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { readJsonLines, type JsonLine } from '../json-lines.js';

// DuckDB gives 64-bit integers as text.
const integer = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]);

const question = z.object({
  question_id: integer,
  question: z.string(),
  options: z.array(z.string()).min(2).max(10),
  answer: z.string().regex(/^[A-J]$/, 'must be a letter from A to J'),
  category: z.string(),
});
export type MmluQuestion = z.infer<typeof question>;

const example = question.extend({ cot_content: z.string() });
export type MmluExample = z.infer<typeof example>;

type Split = 'test' | 'validation';

/** The questions of the test split. */
export function readTest(directory: string): Promise<MmluQuestion[]> {
  return readSplit(directory, 'test', question);
}

/** The worked examples of the validation split. */
export function readValidation(directory: string): Promise<MmluExample[]> {
  return readSplit(directory, 'validation', example);
}

async function readSplit<Row>(directory: string, split: Split, schema: z.ZodType<Row>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const path of await filesOf(directory, split)) {
    const name = basename(path);
    for await (const { row, value } of readFileRows(path, name)) {
      const parsed = schema.safeParse(value);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw new Failure(
          'BENCHMARK_INVALID',
          `Row ${row} of ${name} is no MMLU-Pro question: ${issue?.path.map(String).join('.')}: ${issue?.message}.`,
          { remedy: 'Give the files of TIGER-Lab/MMLU-Pro unchanged.', file: name, row },
        );
      }
      rows.push(parsed.data);
    }
  }
  return rows;
}

/** Files named after the split, in the folder itself or in its `data`, as a download from the Hub lays them out. */
async function filesOf(directory: string, split: Split): Promise<string[]> {
  const form = new RegExp(`^${split}(-\\d+-of-\\d+)?\\.(parquet|jsonl|json)$`);
  for (const folder of [directory, join(directory, 'data')]) {
    const names = await readdir(folder).catch(() => []);
    const found = names.filter((name) => form.test(name)).toSorted();
    if (found.length > 0) return found.map((name) => join(folder, name));
  }
  throw new Failure('BENCHMARK_INVALID', `${directory} has no ${split} file.`, {
    remedy: `Put ${split}.parquet, ${split}.jsonl or ${split}.json there, or data/${split}-00000-of-00001.parquet as the Hub has it.`,
    file: directory,
  });
}

async function* readFileRows(path: string, name: string): AsyncIterable<JsonLine> {
  if (path.endsWith('.parquet')) yield* readParquet(path, name);
  else if (path.endsWith('.json')) yield* readJsonList(path, name);
  else yield* readJsonLines(path, name);
}

async function* readJsonList(path: string, name: string): AsyncIterable<JsonLine> {
  const parsed = z.array(z.unknown()).safeParse(parseJson(await readFile(path, 'utf8')));
  if (!parsed.success) {
    throw new Failure('BENCHMARK_INVALID', `${name} is no JSON list.`, {
      remedy: 'Give one list of questions.',
      file: name,
    });
  }
  yield* parsed.data.map((value, index) => ({ row: index + 1, value }));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* readParquet(path: string, name: string): AsyncIterable<JsonLine> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB' });
  const connection = await instance.connect();
  try {
    const result = await connection.stream('SELECT * FROM read_parquet($path)', { path });
    let row = 0;
    for await (const chunk of result.yieldRowObjectJson()) {
      for (const value of chunk) {
        row += 1;
        yield { row, value };
      }
    }
  } catch (cause) {
    const detail = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new Failure('BENCHMARK_INVALID', `${name} is not a readable parquet file: ${detail}`, {
      remedy: 'Check that the file is complete.',
      file: name,
      cause,
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
