import { createHash } from 'node:crypto';
import { Failure, type RowProblemCode } from '@anneal/contracts';
import { z } from 'zod';
import type { DataFormat } from './format.js';
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

/** The one form in which rows are trained: a conversation that ends with the answer to be learnt. */
export interface Conversation {
  readonly messages: readonly Message[];
}

/** What is wrong with a row, without its number. */
export interface RowRefusal {
  readonly code: RowProblemCode;
  /** Goes on after "In line N of FILE, ". */
  readonly problem: string;
}

export type ReadRow =
  { readonly ok: true; readonly conversation: Conversation } | { readonly ok: false; readonly refusal: RowRefusal };

/** Turns the columns of a row into a conversation, or says what is wrong with them. Never throws. */
export function readConversation(
  columns: SourceRow['columns'],
  format: DataFormat,
  system: string | undefined,
): ReadRow {
  try {
    const { messages } = format.columns;
    if (messages !== undefined) return done(checkMessages(columns[messages], messages, format, system));
    return done(pairMessages(columns, format, system));
  } catch (error) {
    if (error instanceof Refused) return { ok: false, refusal: { code: error.code, problem: error.message } };
    throw error;
  }
}

/** Turns a row into a conversation, or says in a Failure what is wrong with the row. */
export function toConversation(
  row: SourceRow,
  format: DataFormat,
  system: string | undefined,
  file: string,
): Conversation {
  const read = readConversation(row.columns, format, system);
  if (read.ok) return read.conversation;
  throw new Failure('DATASET_ROW_INVALID', `In ${row.unit} ${row.number} of ${file}, ${read.refusal.problem}.`, {
    remedy: 'Correct or remove this row.',
    file,
    row: row.number,
  });
}

class Refused extends Error {
  constructor(
    readonly code: RowProblemCode,
    problem: string,
  ) {
    super(problem);
  }
}

function done(messages: readonly Message[]): ReadRow {
  return { ok: true, conversation: { messages } };
}

function pairMessages(columns: SourceRow['columns'], format: DataFormat, system: string | undefined): Message[] {
  const { question, input, answer, system: systemColumn } = format.columns;
  if (question === undefined || answer === undefined) throw new Refused('wrong-type', 'no columns are mapped');
  const asked = textOf(columns, question, 'empty');
  const more = input === undefined || isBlank(columns[input]) ? '' : `\n\n${textOf(columns, input, 'empty')}`;
  const answered = textOf(columns, answer, 'answer-missing');
  const ownSystem = systemColumn === undefined ? system : textOf(columns, systemColumn, 'empty');
  return [
    ...(ownSystem === undefined ? [] : [{ role: 'system' as const, content: ownSystem }]),
    { role: 'user', content: `${asked}${more}` },
    { role: 'assistant', content: answered },
  ];
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

function textOf(columns: SourceRow['columns'], column: string, blank: RowProblemCode): string {
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

const messageLists = { chat: z.array(message).min(2), sharegpt: z.array(shareGptMessage).min(2) };

function checkMessages(
  value: unknown,
  column: string,
  { name }: DataFormat,
  system: string | undefined,
): readonly Message[] {
  if (typeof value === 'string' && /^\s*\[/.test(value)) {
    const problem = `column "${column}" is no conversation to train on (it holds a list written as text: parse it before)`;
    throw new Refused('wrong-type', problem);
  }
  const parsed = messageLists[name === 'sharegpt' ? 'sharegpt' : 'chat'].safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = [column, ...(issue?.path ?? [])].join('.');
    const problem = `column "${column}" is no conversation to train on (${where}: ${issue?.message ?? 'unreadable'})`;
    throw new Refused(codeOf(issue), problem);
  }
  const messages = parsed.data;
  if (messages.at(-1)?.role !== 'assistant')
    throw new Refused('answer-missing', `column "${column}" does not end with an assistant message`);
  if (!messages.some(({ role }) => role === 'user'))
    throw new Refused('wrong-role', `column "${column}" has no user message`);
  const empty = messages.findIndex(({ content }) => content.trim() === '');
  if (empty >= 0) {
    const code = messages[empty]?.role === 'assistant' ? 'answer-missing' : 'empty';
    throw new Refused(code, `message ${empty + 1} in column "${column}" is empty`);
  }
  if (!messages.some(({ role, train }) => role === 'assistant' && train !== false))
    throw new Refused('answer-missing', `column "${column}" has no message of weight 1 to learn`);
  const twice = messages.findIndex(
    ({ role, content }, index) => role === messages[index - 1]?.role && content === messages[index - 1]?.content,
  );
  if (twice >= 0)
    throw new Refused('duplicate-turn', `message ${twice + 1} in column "${column}" repeats the one before it`);
  return system !== undefined && messages[0]?.role !== 'system'
    ? [{ role: 'system', content: system }, ...messages]
    : messages;
}

function codeOf(issue: z.core.$ZodIssue | undefined): RowProblemCode {
  if (issue?.message.endsWith('not trained yet')) return 'unsupported';
  if (issue?.path.at(-1) === 'role') return 'wrong-role';
  return issue?.code === 'too_small' ? 'empty' : 'wrong-type';
}

/** Names a conversation by its content alone, so that the same row is the same row in every source and order. */
export function conversationDigest(conversation: Conversation): string {
  const content = conversation.messages.map(({ role, content, train }) =>
    train === false ? [role, content, 0] : [role, content],
  );
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
