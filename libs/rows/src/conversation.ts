import { hash } from 'node:crypto';
import { Failure, type RowProblemCode } from '@anneal/contracts';
import { z } from 'zod';
import type { DataFormat } from './format.js';
import { message, shareGptMessage, type Message } from './message.js';
import type { SourceRow } from './row.js';
import { tools as toolsOf, type Tool } from './tools.js';

/** The one form in which rows are trained: a conversation that ends with the answer to be learnt. */
export interface Conversation {
  readonly messages: readonly Message[];
  /** What the assistant may call; left out when there is nothing. */
  readonly tools?: readonly Tool[];
  /** A plain text: its one message is all that there is, and no chat template is put around it. */
  readonly plain?: true;
}

/** Whether a conversation has anything that only some chat templates can show. */
export function usesTools({ messages, tools }: Conversation): boolean {
  return tools !== undefined || messages.some(({ role, tool_calls }) => role === 'tool' || tool_calls !== undefined);
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
    const conversation = conversationIn(columns, format, system);
    if (!isWellFormed(conversation)) throw new Refused('not-utf-8', 'it holds half of a character, which no file can');
    return { ok: true, conversation };
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

function conversationIn(columns: SourceRow['columns'], format: DataFormat, system: string | undefined): Conversation {
  const { messages, tools, text } = format.columns;
  if (format.name === 'text')
    return { messages: [{ role: 'assistant', content: textOf(columns, text ?? 'text', 'empty') }], plain: true };
  if (messages === undefined) return { messages: pairMessages(columns, format, system) };
  const checked = checkMessages(columns[messages], messages, format, system);
  const declared = tools === undefined ? [] : toolsIn(columns[tools], tools);
  return declared.length === 0 ? { messages: checked } : { messages: checked, tools: declared };
}

function toolsIn(value: unknown, column: string): readonly Tool[] {
  const parsed = toolsOf.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = [column, ...(issue?.path ?? [])].join('.');
  throw new Refused(
    'wrong-type',
    `column "${column}" is no list of tools (${where}: ${issue?.message ?? 'unreadable'})`,
  );
}

/** JSON can hold one half of a surrogate pair; UTF-8, and so every tokenizer, cannot. */
function isWellFormed({ messages, tools }: Conversation): boolean {
  return (
    messages.every(({ content, tool_calls: made }) => content.isWellFormed() && wholeJson(made)) && wholeJson(tools)
  );
}

function wholeJson(value: unknown): boolean {
  // Such a half is written as an escape, and nothing else that begins like one is.
  return value === undefined || !/(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/.test(JSON.stringify(value));
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
  const empty = messages.findIndex(
    ({ role, content, tool_calls: made }) => role !== 'tool' && !made && content.trim() === '',
  );
  if (empty >= 0) {
    const code = messages[empty]?.role === 'assistant' ? 'answer-missing' : 'empty';
    throw new Refused(code, `message ${empty + 1} in column "${column}" is empty`);
  }
  if (!messages.some(({ role, train }) => role === 'assistant' && train !== false))
    throw new Refused('answer-missing', `column "${column}" has no message of weight 1 to learn`);
  const unasked = messages.findIndex(({ role }, index) => role === 'tool' && !answersCall(messages[index - 1]));
  if (unasked >= 0)
    throw new Refused('wrong-role', `message ${unasked + 1} in column "${column}" is of a tool that nobody has called`);
  const twice = messages.findIndex((turn, index) => isRepeated(turn, messages[index - 1]));
  if (twice >= 0)
    throw new Refused('duplicate-turn', `message ${twice + 1} in column "${column}" repeats the one before it`);
  return system !== undefined && messages[0]?.role !== 'system'
    ? [{ role: 'system', content: system }, ...messages]
    : messages;
}

/** What a tool says follows on a call, or on what another tool says. */
function answersCall(before: Message | undefined): boolean {
  return before?.role === 'tool' || before?.tool_calls !== undefined;
}

/** Two tools may well say the same. */
function isRepeated(turn: Message, before: Message | undefined): boolean {
  const { role, content, tool_calls: made } = turn;
  if (role === 'tool' || role !== before?.role || content !== before.content) return false;
  return made === undefined || JSON.stringify(made) === JSON.stringify(before.tool_calls);
}

function codeOf(issue: z.core.$ZodIssue | undefined): RowProblemCode {
  if (issue?.message.endsWith('not trained yet')) return 'unsupported';
  if (issue?.path.at(-1) === 'role') return 'wrong-role';
  return issue?.code === 'too_small' ? 'empty' : 'wrong-type';
}

/** Names a conversation by its content alone, so that the same row is the same row in every source and order. */
export function conversationDigest({ messages, tools, plain }: Conversation): string {
  const said = messages.map(({ role, content, train, ...more }) => {
    const short: unknown[] = train === false ? [role, content, 0] : [role, content];
    return Object.keys(more).length === 0 ? short : [...short, more];
  });
  return hash('sha256', JSON.stringify(plain ? ['text', said] : tools ? [said, tools] : said), 'hex');
}
