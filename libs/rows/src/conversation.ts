import { createHash } from 'node:crypto';
import type { DataFormat } from './format.js';
import {
  isBlank,
  messagesIn,
  refusalIn,
  Refused,
  rowInvalid,
  refuseEmpty,
  refuseRepeated,
  textOf,
  withSystem,
  type Message,
  type RowRefusal,
} from './message.js';
import type { SourceRow } from './row.js';

/** The one form in which rows are trained: a conversation that ends with the answer to be learnt. */
export interface Conversation {
  readonly messages: readonly Message[];
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
    return { ok: false, refusal: refusalIn(error) };
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
  throw rowInvalid(row, file, read.refusal);
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

function checkMessages(
  value: unknown,
  column: string,
  { name }: DataFormat,
  system: string | undefined,
): readonly Message[] {
  const messages = messagesIn(value, column, name === 'sharegpt' ? 'sharegpt' : 'chat');
  if (messages.length < 2) throw new Refused('empty', `column "${column}" has a single message, and no answer to it`);
  if (messages.at(-1)?.role !== 'assistant')
    throw new Refused('answer-missing', `column "${column}" does not end with an assistant message`);
  if (!messages.some(({ role }) => role === 'user'))
    throw new Refused('wrong-role', `column "${column}" has no user message`);
  refuseEmpty(messages, column);
  if (!messages.some(({ role, train }) => role === 'assistant' && train !== false))
    throw new Refused('answer-missing', `column "${column}" has no message of weight 1 to learn`);
  refuseRepeated(messages, column);
  return withSystem(messages, system);
}

/** Names a conversation by its content alone, so that the same row is the same row in every source and order. */
export function conversationDigest(conversation: Conversation): string {
  const content = conversation.messages.map(({ role, content, train }) =>
    train === false ? [role, content, 0] : [role, content],
  );
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
