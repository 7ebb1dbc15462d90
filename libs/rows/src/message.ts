import { Failure, type RowProblemCode } from '@anneal/contracts';
import { z } from 'zod';
import type { SourceRow } from './row.js';
import { functionCall, toolCall, type ToolCall } from './tools.js';

/** Tables, and programs that write every key, say null or an empty list for nothing. */
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Roles that are others by an older or a newer name. */
const plainRoles = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
} as const;

const roles = Object.keys(plainRoles) as (keyof typeof plainRoles)[];

const textPart = z.object({ type: z.literal('text'), text: z.string() });

/** OpenAI's other way to write a text is as parts, which templates write one after the other. */
const content = z.preprocess(
  (value) => {
    const parts = z.array(textPart).min(1).safeParse(value);
    return parts.success ? parts.data.map(({ text }) => text).join('') : value;
  },
  z
    .string({
      error: ({ input }) => (Array.isArray(input) ? 'parts other than text are not trained yet' : undefined),
    })
    .nullish(),
);

const calls = z
  .array(toolCall)
  .nullish()
  .transform((list) => (list?.length ? list : undefined));

/**
 * A message of OpenAI's chat rows; unknown keys are passed over. What changes the meaning of a row is taken or refused:
 * without it the row would teach what its author left out.
 */
const message = z
  .object({
    role: z.enum(roles, {
      error: ({ input }) =>
        `${typeof input === 'string' ? `"${input.slice(0, 40)}"` : 'it'} is none of ${roles.join(', ')}`,
    }),
    // As text, too: so come the 64-bit integers of a parquet file.
    weight: z
      .literal([0, 1, '0', '1'], { error: 'messages of another weight than 0 or 1 are not trained yet' })
      .nullish(),
    tool_calls: calls,
    function_call: z.preprocess((value) => (isEmptyList(value) ? undefined : value), functionCall.nullish()),
    tool_call_id: z.string().nullish(),
    name: z.string().nullish(),
    content,
  })
  .transform((read, context): Message => {
    const role = plainRoles[read.role];
    const toolCalls = read.tool_calls ?? (read.function_call ? [read.function_call] : undefined);
    if (toolCalls && role !== 'assistant') {
      context.addIssue({ code: 'custom', message: 'only an assistant calls tools', path: ['tool_calls'] });
      return z.NEVER;
    }
    if (typeof read.content !== 'string' && !toolCalls) {
      context.addIssue({ code: 'invalid_type', expected: 'string', path: ['content'], input: read.content });
      return z.NEVER;
    }
    const told = { role, content: read.content ?? '' };
    if (role === 'tool')
      return {
        ...told,
        ...(typeof read.tool_call_id === 'string' ? { tool_call_id: read.tool_call_id } : {}),
        ...(typeof read.name === 'string' ? { name: read.name } : {}),
      };
    // Only what the assistant says is ever trained.
    const untrained = role === 'assistant' && Number(read.weight ?? 1) === 0;
    return { ...told, ...(toolCalls ? { tool_calls: toolCalls } : {}), ...(untrained ? { train: false } : {}) };
  });

/** One message. `train: false` keeps an answer in the conversation without learning it. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Blank only beside calls. */
  readonly content: string;
  readonly train?: false;
  readonly tool_calls?: readonly ToolCall[];
  /** Which call the message of a tool answers. */
  readonly tool_call_id?: string;
  /** The tool that answers. */
  readonly name?: string;
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
  tool: 'tool',
  observation: 'tool',
};

const shareGptKeys = z.object({ from: z.string(), value: z.unknown(), weight: z.unknown().optional() });

const shareGptMessage = z.preprocess((input) => {
  const parsed = shareGptKeys.safeParse(input);
  if (!parsed.success) return input;
  const { from, value, weight } = parsed.data;
  return { role: shareGptRoles[from.toLowerCase()] ?? from, content: value, weight };
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

const messageLists = {
  chat: z.array(message).min(1, 'it is an empty list'),
  sharegpt: z.array(shareGptMessage).min(1, 'it is an empty list'),
};

/** Whether a message is there for the sake of tools. */
export function isOfTools({ role, tool_calls: made }: Message): boolean {
  return role === 'tool' || made !== undefined;
}

/** Whether a list has messages under the names of ShareGPT. */
export function isShareGpt(value: unknown): boolean {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  return typeof first === 'object' && first !== null && 'from' in first && !('role' in first);
}

/** Whether a value is a list of messages, under whatever names. */
export function holdsMessages(value: unknown): boolean {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  return isShareGpt(value) || (typeof first === 'object' && first !== null && 'role' in first && 'content' in first);
}

/** Whether a text was meant to be a list of messages. A JSON list of anything else may well be what is asked or answered. */
export function isListAsText(text: string): boolean {
  return /^\s*\[\s*\{\s*['"](?:role|content|from|value)['"]\s*:/.test(text);
}

/** The messages that a column holds, at least one, under the names of OpenAI or of ShareGPT. */
export function messagesIn(value: unknown, column: string): readonly Message[] {
  if (typeof value === 'string' && /^\s*\[/.test(value)) {
    const problem = `column "${column}" is no conversation to train on (it holds a list written as text: parse it before)`;
    throw new Refused('wrong-type', problem);
  }
  const parsed = messageLists[isShareGpt(value) ? 'sharegpt' : 'chat'].safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = [column, ...(issue?.path ?? [])].join('.');
  const problem = `column "${column}" is no conversation to train on (${where}: ${issue?.message ?? 'unreadable'})`;
  throw new Refused(codeOf(issue), problem);
}

export function refuseEmpty(messages: readonly Message[], column: string): void {
  // A call may come without words, and a tool may have nothing to say.
  const empty = messages.findIndex((said, index) => {
    const mayBe = said.role === 'tool' || said.tool_calls !== undefined || (index === 0 && said.role === 'system');
    return !mayBe && said.content.trim() === '';
  });
  if (empty < 0) return;
  const code = messages[empty]?.role === 'assistant' ? 'answer-missing' : 'empty';
  throw new Refused(code, `message ${empty + 1} in column "${column}" is empty`);
}

export function refuseRepeated(messages: readonly Message[], column: string): void {
  const twice = messages.findIndex((turn, index) => isRepeated(turn, messages[index - 1]));
  if (twice >= 0)
    throw new Refused('duplicate-turn', `message ${twice + 1} in column "${column}" repeats the one before it`);
}

/** Two tools may well say the same. */
function isRepeated(turn: Message, before: Message | undefined): boolean {
  const { role, content, tool_calls: made } = turn;
  if (role === 'tool' || role !== before?.role || content !== before.content) return false;
  return made === undefined || JSON.stringify(made) === JSON.stringify(before.tool_calls);
}

/**
 * JSON can hold one half of a surrogate pair; UTF-8, and so every tokenizer, cannot.
 *
 * @param values what may hold such a half anywhere
 */
export function refuseHalfCharacters(texts: readonly string[], values: readonly unknown[] = []): void {
  if (texts.every((text) => text.isWellFormed()) && values.every(isWellFormedJson)) return;
  throw new Refused('not-utf-8', 'it holds half of a character, which no file can');
}

function isWellFormedJson(value: unknown): boolean {
  // Such a half is written as an escape, and nothing else that begins like one is.
  return value === undefined || !/(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/.test(JSON.stringify(value));
}

/** The system prompt of a row: of its column, or else the one that is meant for all. */
export function systemOf(
  columns: SourceRow['columns'],
  column: string | undefined,
  system: string | undefined,
): string | undefined {
  return column === undefined || isBlank(columns[column]) ? system : textOf(columns, column, 'empty');
}

/** Puts a system prompt before messages that have none; a blank one is none, which many sets write into every row. */
export function withSystem(messages: readonly Message[], system: string | undefined): readonly Message[] {
  const [first, ...others] = messages;
  const hasNone = first?.role !== 'system' || first.content.trim() === '';
  const said = first?.role === 'system' && hasNone ? others : messages;
  return system !== undefined && hasNone ? [{ role: 'system', content: system }, ...said] : said;
}

function codeOf(issue: z.core.$ZodIssue | undefined): RowProblemCode {
  if (issue?.message.endsWith('not trained yet')) return 'unsupported';
  if (issue?.path.at(-1) === 'role') return 'wrong-role';
  return issue?.code === 'too_small' ? 'empty' : 'wrong-type';
}
