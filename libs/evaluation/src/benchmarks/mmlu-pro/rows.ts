import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { readJsonLines, type JsonLine } from '../json-lines.js';
import { filesOf, type Split } from './files.js';
import { withoutPadding } from './options.js';

// Some copies of the files have their numbers as text.
const integer = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]);

const question = z.object({
  question_id: integer,
  question: z.string(),
  options: z.array(z.string()).min(3, 'must be 3 to 10 options').max(10, 'must be 3 to 10 options'),
  answer: z.string().regex(/^[A-J]$/, 'must be a letter from A to J'),
  answer_index: integer.optional(),
  category: z.string(),
});
export type MmluQuestion = z.infer<typeof question>;

const example = question.extend({ cot_content: z.string() });
export type MmluExample = z.infer<typeof example>;

/** The questions of the test split. */
export function readTest(path: string): Promise<MmluQuestion[]> {
  return readSplit(path, 'test', question);
}

/** The worked examples of the validation split. */
export function readValidation(path: string): Promise<MmluExample[]> {
  return readSplit(path, 'validation', example);
}

async function readSplit<Row extends MmluQuestion>(
  directory: string,
  split: Split,
  schema: z.ZodType<Row>,
): Promise<Row[]> {
  const rows: Row[] = [];
  const known = new Set<number>();
  for (const path of await filesOf(directory, split)) {
    const name = basename(path);
    for await (const { row, value } of readFileRows(path, name)) {
      const parsed = schema.safeParse(value);
      if (!parsed.success) throw invalid(problemOf(value, parsed.error), name, row);
      const problem = answerProblem(parsed.data);
      if (problem !== undefined) throw invalid(problem, name, row);
      const { question_id: id } = parsed.data;
      if (known.has(id)) throw invalid(`repeats question ${id}`, name, row);
      known.add(id);
      rows.push(parsed.data);
    }
  }
  return rows;
}

/** The one question of the published test split whose letter and index disagree; the benchmark's own script goes by the letter. */
export const disagreeingQuestion = 3983;

function answerProblem({ question_id, options, answer, answer_index }: MmluQuestion): string | undefined {
  const index = answer.charCodeAt(0) - 'A'.charCodeAt(0);
  if (index >= withoutPadding(options).length)
    return `has the answer ${answer}, but only ${withoutPadding(options).length} options`;
  if (answer_index === undefined || answer_index === index || question_id === disagreeingQuestion) return undefined;
  return `has the answer ${answer}, but answer_index ${answer_index}`;
}

function problemOf(value: unknown, error: z.ZodError): string {
  const issue = error.issues[0];
  const column = issue?.path[0];
  const isObject = typeof value === 'object' && value !== null;
  if (isObject && column !== undefined && !(column in value)) return `has no column ${String(column)}`;
  return `is no question: ${issue?.path.map(String).join('.') || 'the row'}: ${issue?.message ?? ''}`;
}

function invalid(problem: string, file: string, row: number): Failure {
  return new Failure('BENCHMARK_INVALID', `Row ${row} of ${file} ${problem}.`, {
    remedy: 'Give the files of TIGER-Lab/MMLU-Pro unchanged.',
    file,
    row,
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
  // Loaded where it is needed: a command that reads no parquet starts without it.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '512MB' });
  const connection = await instance.connect();
  try {
    // As JSON text: building nested values one by one takes three times as long.
    const result = await connection.stream('SELECT to_json(t)::VARCHAR AS line FROM read_parquet($path) t', { path });
    let row = 0;
    for await (const chunk of result.yieldRowObjectJson()) {
      for (const { line } of chunk) {
        row += 1;
        yield { row, value: typeof line === 'string' ? parseJson(line) : undefined };
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
