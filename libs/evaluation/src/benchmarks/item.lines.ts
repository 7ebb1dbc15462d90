import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { isJson } from '../scoring/json.js';
import type { ScoringName } from '../scoring/score.js';
import type { Item } from './benchmark.js';
import { readJsonLines } from './json-lines.js';

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });

const itemLine = z.object({
  id: z
    .union([
      z
        .string()
        .min(1)
        .max(200)
        .regex(/^[^\p{Cc}]+$/u, 'no control characters'),
      z.int().transform(String),
    ])
    .optional(),
  messages: z.array(message).min(1).optional(),
  prompt: z.string().min(1).optional(),
  // Whoever compares JSON may write the expected value itself instead of a text that holds it.
  expected: z.union([z.string(), z.json().transform((value) => JSON.stringify(value))]),
});
type ItemLine = z.infer<typeof itemLine>;

/** An item, and the line on which it stands. */
export interface ItemRow {
  readonly row: number;
  readonly item: Item;
}

/**
 * Reads items from lines {id?, messages | prompt, expected}. Without an id, an item is named after its line.
 *
 * @param limit takes only the first items
 */
export async function readItemLines(
  path: string,
  { name, score, limit }: { name: string; score: ScoringName; limit: number | undefined },
): Promise<ItemRow[]> {
  const rows: ItemRow[] = [];
  const firstRow = new Map<string, number>();
  for await (const { row, value } of readJsonLines(path, name)) {
    const item = toItem(value, row, name, score);
    const earlier = firstRow.get(item.id);
    if (earlier !== undefined) throw invalid(`repeats the id "${item.id}" of line ${earlier}`, name, row);
    firstRow.set(item.id, row);
    rows.push({ row, item });
    if (limit !== undefined && rows.length >= limit) break;
  }
  if (rows.length > 0) return rows;
  throw new Failure('BENCHMARK_INVALID', `${name} has no item.`, { remedy: 'Give at least one item.', file: name });
}

function toItem(value: unknown, row: number, file: string, score: ScoringName): Item {
  const parsed = itemLine.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalid(
      `does not fit: ${issue?.path.map(String).join('.') || 'the line'}: ${issue?.message ?? ''}`,
      file,
      row,
    );
  }
  const line = parsed.data;
  if (score === 'json' && !isJson(line.expected)) {
    throw invalid('is compared as JSON, but what it expects is not JSON', file, row);
  }
  return { id: line.id ?? `line-${row}`, prompt: promptOf(line, file, row), expected: line.expected };
}

function promptOf({ messages, prompt }: ItemLine, file: string, row: number): Item['prompt'] {
  if (messages && prompt === undefined) {
    if (messages.at(-1)?.role === 'assistant') throw invalid('ends with the assistant, so nothing is asked', file, row);
    return { messages };
  }
  if (prompt !== undefined && !messages) return { prompt };
  throw invalid('needs either messages or prompt', file, row);
}

function invalid(problem: string, file: string, row: number): Failure {
  return new Failure('BENCHMARK_INVALID', `Line ${row} of ${file} ${problem}.`, {
    remedy: 'Write lines {"id", "messages" or "prompt", "expected"}.',
    file,
    row,
  });
}
