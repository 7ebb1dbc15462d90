import { Failure, type RowProblemCode } from '@anneal/contracts';
import { z } from 'zod';
import type { SourceRow } from './row.js';

/** Roles of OpenAI's chat rows that no chat template here is sure to know. */
const rolesNotTrained: unknown[] = ['developer', 'tool', 'function'];

/** A key that must hold nothing. Tables, and programs that write every key, say null or an empty list for nothing. */
const nothing = (what: string) =>
  z
    .unknown()
    .refine((value) => value === null || (Array.isArray(value) && value.length === 0), `${what} are not trained yet`)
    .optional();

/**
 * A message of OpenAI's chat rows, of which role, content and weight are trained; `name` and unknown keys are passed over.
 * What changes the meaning of a row is refused: without it the row would teach what its author left out.
 */
const message = z
  .object({
    role: z.enum(['system', 'user', 'assistant'], {
      error: ({ input }) =>
        rolesNotTrained.includes(input) ? `messages of the role "${String(input)}" are not trained yet` : undefined,
    }),
    // As text, too: so come the 64-bit integers of a parquet file.
    weight: z
      .literal([0, 1, '0', '1'], { error: 'messages of another weight than 0 or 1 are not trained yet' })
      .nullish(),
    tool_calls: nothing('tool calls'),
    function_call: nothing('function calls'),
    content: z.string(),
  })
  .transform(({ role, content, weight }): Message => {
    // Only what the assistant says is ever trained.
    const untrained = role === 'assistant' && Number(weight ?? 1) === 0;
    return untrained ? { role, content, train: false } : { role, content };
  });

/** One message. `train: false` keeps an answer in the conversation without learning it. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  readonly train?: false;
}

/** The names that ShareGPT's rows use for the three roles. */
const shareGptRoles: Readonly<Record<string, Message['role']>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
};

const shareGptKeys = z.object({ from: z.string(), value: z.unknown(), weight: z.unknown().optional() });

const shareGptMessage = z.preprocess((input) => {
  const parsed = shareGptKeys.safeParse(input);
  if (!parsed.success) return input;
  const { from, value, weight } = parsed.data;
  return { role: shareGptRoles[from] ?? from, content: value, weight };
}, message);

/** What is wrong with a row, without its number. */
export interface RowRefusal {
  readonly code: RowProblemCode;
  /** Goes on after "In line N of FILE, ". */
  readonly problem: string;
}

/** Thrown inside of this folder only: what is wrong with a row. */
export class Refused extends Error {
  constructor(
    readonly code: RowProblemCode,
    problem: string,
  ) {
    super(problem);
  }
}

/** What a row was refused for; whatever else was thrown is thrown on. */
export function refusalIn(error: unknown): RowRefusal {
  if (error instanceof Refused) return { code: error.code, problem: error.message };
  throw error;
}

/** The refusal of a row as a failure that names row and file. */
export function rowInvalid({ unit, number }: SourceRow, file: string, { problem }: RowRefusal): Failure {
  return new Failure('DATASET_ROW_INVALID', `In ${unit} ${number} of ${file}, ${problem}.`, {
    remedy: 'Correct or remove this row.',
    file,
    row: number,
  });
}

export function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

export function textOf(columns: SourceRow['columns'], column: string, blank: RowProblemCode): string {
  const value = columns[column];
  if (typeof value !== 'string') {
    const is = value === undefined || value === null ? '' : `, but ${kindOf(value)}`;
    throw new Refused(is === '' ? blank : 'wrong-type', `column "${column}" holds no text${is}`);
  }
  if (value.trim() === '') throw new Refused(blank, `column "${column}" is empty`);
  return value;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const messageLists = { chat: z.array(message).min(1), sharegpt: z.array(shareGptMessage).min(1) };

/** Whether a list has messages under the names of ShareGPT. */
export function isShareGpt(value: unknown): boolean {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  return typeof first === 'object' && first !== null && 'from' in first && !('role' in first);
}

/** The messages that a column holds, at least one. */
export function messagesIn(value: unknown, column: string, names: keyof typeof messageLists): readonly Message[] {
  if (typeof value === 'string' && /^\s*\[/.test(value)) {
    const problem = `column "${column}" is no conversation to train on (it holds a list written as text: parse it before)`;
    throw new Refused('wrong-type', problem);
  }
  const parsed = messageLists[names].safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = [column, ...(issue?.path ?? [])].join('.');
  const problem = `column "${column}" is no conversation to train on (${where}: ${issue?.message ?? 'unreadable'})`;
  throw new Refused(codeOf(issue), problem);
}

export function refuseEmpty(messages: readonly Message[], column: string): void {
  const empty = messages.findIndex(({ content }) => content.trim() === '');
  if (empty < 0) return;
  const code = messages[empty]?.role === 'assistant' ? 'answer-missing' : 'empty';
  throw new Refused(code, `message ${empty + 1} in column "${column}" is empty`);
}

export function refuseRepeated(messages: readonly Message[], column: string): void {
  const twice = messages.findIndex(
    ({ role, content }, index) => role === messages[index - 1]?.role && content === messages[index - 1]?.content,
  );
  if (twice >= 0)
    throw new Refused('duplicate-turn', `message ${twice + 1} in column "${column}" repeats the one before it`);
}

export function withSystem(messages: readonly Message[], system: string | undefined): readonly Message[] {
  return system !== undefined && messages[0]?.role !== 'system'
    ? [{ role: 'system', content: system }, ...messages]
    : messages;
}

function codeOf(issue: z.core.$ZodIssue | undefined): RowProblemCode {
  if (issue?.message.endsWith('not trained yet')) return 'unsupported';
  if (issue?.path.at(-1) === 'role') return 'wrong-role';
  return issue?.code === 'too_small' ? 'empty' : 'wrong-type';
}
