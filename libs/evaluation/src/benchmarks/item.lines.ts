import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Scoring } from '../scoring/score.js';
import type { Item, Prompt } from './benchmark.js';
import { readJsonLines } from './json-lines.js';

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]+$/u, 'no control characters');

const itemLine = z.object({
  id: z.union([name, z.int().transform(String)]).optional(),
  subject: name.optional(),
  messages: z.array(message).min(1).optional(),
  prompt: z.string().min(1).optional(),
  options: z.array(z.string().min(1)).min(2).max(10).optional(),
  // Whoever compares JSON or numbers may write the expected value itself instead of a text that holds it.
  expected: z.union([z.string(), z.json().transform((value) => JSON.stringify(value))]),
});
type ItemLine = z.infer<typeof itemLine>;

/** An item, and where it comes from. */
export interface ItemRow {
  readonly row: number;
  /** How messages name the file that it stands in. */
  readonly file: string;
  readonly item: Item;
  /** What is asked, without the options, and the answers that would give it away: they tell whether it was trained on. */
  readonly question: string;
  readonly answers: readonly string[];
}

/**
 * Reads items from lines {id?, subject?, messages | prompt, options?, expected}. Without an id, an item is named after its
 * line.
 *
 * @param choice whether an item is a multiple choice: with options, these are shown under letters
 */
export async function readItemLines(
  path: string,
  { name, scoring, choice }: { name: string; scoring: Scoring; choice: boolean },
): Promise<ItemRow[]> {
  const rows: ItemRow[] = [];
  const firstRow = new Map<string, number>();
  for await (const { row, value } of readJsonLines(path, name)) {
    const read = toItem(value, { row, file: name, scoring, choice });
    const { id } = read.item;
    const earlier = firstRow.get(id);
    if (earlier !== undefined) throw invalid(`repeats the id "${id}" of line ${earlier}`, name, row);
    firstRow.set(id, row);
    rows.push(read);
  }
  if (rows.length > 0) return rows;
  throw new Failure('BENCHMARK_INVALID', `${name} has no item.`, { remedy: 'Give at least one item.', file: name });
}

interface Place {
  readonly row: number;
  readonly file: string;
  readonly scoring: Scoring;
  readonly choice: boolean;
}

function toItem(value: unknown, { row, file, scoring, choice }: Place): ItemRow {
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
  const { options, subject } = line;
  if (options && !choice) throw invalid('has options, which only the score "choice" looks at', file, row);
  const asked = promptOf(line, file, row);
  const expected = options ? letterOf(line.expected, options, file, row) : line.expected;
  const problem = scoring.problemOf?.(expected);
  if (problem !== undefined) throw invalid(problem, file, row);
  return {
    row,
    file,
    item: {
      id: line.id ?? `line-${row}`,
      prompt: options ? withOptions(asked, options) : asked,
      expected,
      ...(subject === undefined ? {} : { subject }),
      ...(options ? { options: options.length } : {}),
    },
    question: questionOf(asked),
    answers: [expected, ...(options ? [options[indexOf(expected)] ?? expected] : [])],
  };
}

function promptOf({ messages, prompt }: ItemLine, file: string, row: number): Prompt {
  if (messages && prompt === undefined) {
    if (messages.at(-1)?.role === 'assistant') throw invalid('ends with the assistant, so nothing is asked', file, row);
    return { messages };
  }
  if (prompt !== undefined && !messages) return { prompt };
  throw invalid('needs either messages or prompt', file, row);
}

function questionOf(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  return prompt.messages.findLast(({ role }) => role === 'user')?.content ?? '';
}

/** The expected option by its letter, or by its own text. */
function letterOf(expected: string, options: readonly string[], file: string, row: number): string {
  if (/^[A-J]$/.test(expected)) {
    if (indexOf(expected) < options.length) return expected;
    throw invalid(`expects ${expected}, but has only ${options.length} options`, file, row);
  }
  const index = options.indexOf(expected);
  if (index >= 0) return letterAt(index);
  throw invalid('expects none of its options', file, row);
}

function withOptions(prompt: Prompt, options: readonly string[]): Prompt {
  const list = options.map((option, index) => `${letterAt(index)}. ${option}`).join('\n');
  if ('prompt' in prompt) return { prompt: `${prompt.prompt}\n${list}\nAnswer:` };
  const last = prompt.messages.length - 1;
  const shown = `${list}\n\nGive the letter of the right option.`;
  return {
    messages: prompt.messages.map((turn, index) =>
      index === last ? { ...turn, content: `${turn.content}\n\n${shown}` } : turn,
    ),
  };
}

function letterAt(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function indexOf(letter: string): number {
  return letter.charCodeAt(0) - 'A'.charCodeAt(0);
}

function invalid(problem: string, file: string, row: number): Failure {
  return new Failure('BENCHMARK_INVALID', `Line ${row} of ${file} ${problem}.`, {
    remedy: 'Write lines {"id", "messages" or "prompt", "expected"}.',
    file,
    row,
  });
}
