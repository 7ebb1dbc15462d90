import { hash } from 'node:crypto';
import type { RowProblemCode } from '@anneal/contracts';
import { toolsColumn, type DataFormat } from './format.js';
import {
  isBlank,
  isListAsText,
  isOfTools,
  messagesIn,
  refusalIn,
  Refused,
  refuseEmpty,
  refuseHalfCharacters,
  refuseRepeated,
  systemOf,
  withSystem,
  type Message,
  type RowRefusal,
} from './message.js';
import type { SourceRow } from './row.js';

/** What was asked, the answer that is preferred, and the one that is not. It is stored in this form. */
export interface PreferencePair {
  /** Ends with what the user says. */
  readonly messages: readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
}

export type ReadPair =
  { readonly ok: true; readonly pair: PreferencePair } | { readonly ok: false; readonly refusal: RowRefusal };

/** Turns the columns of a row into a preference pair, or says what is wrong with them. Never throws. */
export function readPair(columns: SourceRow['columns'], format: DataFormat, system: string | undefined): ReadPair {
  try {
    const pair = pairIn(columns, format, system);
    refuseHalfCharacters([...pair.messages.map(({ content }) => content), pair.chosen, pair.rejected]);
    return { ok: true, pair };
  } catch (error) {
    return { ok: false, refusal: refusalIn(error) };
  }
}

/** Names a pair by its content alone. */
export function pairDigest({ messages, chosen, rejected }: PreferencePair): string {
  return digestOf([contentOf(messages), chosen, rejected]);
}

/** Names what was asked, which many sets have several pairs of answers to. */
export function promptDigest({ messages }: PreferencePair): string {
  return digestOf(contentOf(messages));
}

function contentOf(messages: readonly Message[]): unknown[] {
  return messages.map(({ role, content }) => [role, content]);
}

function digestOf(content: unknown[]): string {
  return hash('sha256', JSON.stringify(content), 'hex');
}

function pairIn(columns: SourceRow['columns'], format: DataFormat, system: string | undefined): PreferencePair {
  const { prompt, chosen: chosenColumn, rejected: rejectedColumn, system: systemColumn } = format.columns;
  if (chosenColumn === undefined || rejectedColumn === undefined)
    throw new Refused('wrong-type', 'no columns are mapped');
  const tools = toolsColumn(format, columns);
  if (tools !== undefined) refuseTools(columns[tools], tools);
  const chosen = answerIn(columns[chosenColumn], chosenColumn, 'chosen-missing');
  const rejected = answerIn(columns[rejectedColumn], rejectedColumn, 'rejected-missing');
  const asked = prompt === undefined ? undefined : askedIn(columns[prompt], prompt);
  const first = chosen.asked ?? asked;
  const second = rejected.asked ?? asked;
  if (!first || !second) {
    const column = first ? rejectedColumn : chosenColumn;
    throw new Refused('empty', `column "${column}" has an answer, and nothing says what was asked`);
  }
  const alike = sameMessages(first, second) && (asked === undefined || goesWith(asked, first));
  if (!alike) {
    const other = sameMessages(first, second) ? prompt : rejectedColumn;
    throw new Refused('prompts-differ', `columns "${chosenColumn}" and "${other}" do not start from the same prompt`);
  }
  if (chosen.text === rejected.text)
    throw new Refused('answers-equal', `columns "${chosenColumn}" and "${rejectedColumn}" have the same answer`);
  const ownSystem = systemOf(columns, systemColumn, system);
  return { messages: withSystem(first, ownSystem), chosen: chosen.text, rejected: rejected.text };
}

interface Answer {
  readonly text: string;
  /** The conversation before it, where the column has that, too. */
  readonly asked: readonly Message[] | undefined;
}

/** An answer as text, as a message, or at the end of a whole conversation. */
function answerIn(value: unknown, column: string, missing: RowProblemCode): Answer {
  const nothing = isBlank(value) || (Array.isArray(value) && value.length === 0);
  if (nothing) throw new Refused(missing, `column "${column}" has no answer`);
  if (typeof value === 'string' && !isListAsText(value)) return { text: value, asked: undefined };
  const messages = listIn(value, column);
  const last = messages.at(-1);
  if (last?.role !== 'assistant')
    throw new Refused('wrong-role', `column "${column}" does not end with an assistant message`);
  if (last.content.trim() === '') throw new Refused(missing, `the answer in column "${column}" is empty`);
  if (last.train === false)
    throw new Refused('unsupported', `the answer in column "${column}" has the weight 0, so nothing would be learnt`);
  const before = messages.slice(0, -1);
  if (before.length === 0) return { text: last.content, asked: undefined };
  if (before.every(({ role }) => role === 'assistant')) {
    const problem = `column "${column}" has ${messages.length} answers, and pairs of one answer each are learnt`;
    throw new Refused('unsupported', problem);
  }
  return { text: last.content, asked: checkedPrompt(before, column) };
}

/** What was asked, as text, as messages, or as the `input` of OpenAI's rows. */
function askedIn(value: unknown, column: string): readonly Message[] {
  if (isBlank(value)) throw new Refused('empty', `column "${column}" is empty`);
  if (typeof value === 'string' && !isListAsText(value)) return [{ role: 'user', content: value }];
  const isWrapped = typeof value === 'object' && value !== null && 'messages' in value;
  if (isWrapped && 'tools' in value) refuseTools(value.tools, `${column}.tools`);
  return checkedPrompt(
    isWrapped ? listIn(value.messages, `${column}.messages`) : listIn(value, column),
    isWrapped ? `${column}.messages` : column,
  );
}

function checkedPrompt(messages: readonly Message[], column: string): readonly Message[] {
  if (messages.at(-1)?.role !== 'user')
    throw new Refused('wrong-role', `the prompt in column "${column}" does not end with a user message`);
  refuseEmpty(messages, column);
  refuseRepeated(messages, column);
  // Only the two answers are learnt from, so which other ones would be makes no difference.
  return messages.map(({ role, content }) => ({ role, content }));
}

function listIn(value: unknown, column: string): readonly Message[] {
  const isOne = typeof value === 'object' && value !== null && !Array.isArray(value);
  const list = isOne ? [value] : value;
  const messages = messagesIn(list, column);
  const of = messages.findIndex(isOfTools);
  if (of >= 0) {
    const problem = `message ${of + 1} in column "${column}" calls a tool or answers a call, and pairs with tools are not trained yet`;
    throw new Refused('unsupported', problem);
  }
  return messages;
}

/** Without its tools, a pair would teach to answer what nobody asked like that. */
function refuseTools(value: unknown, column: string): void {
  const isNone = isBlank(value) || (Array.isArray(value) && value.length === 0) || value === '[]';
  if (!isNone)
    throw new Refused('unsupported', `column "${column}" has tools, and pairs with tools are not trained yet`);
}

function sameMessages(one: readonly Message[], other: readonly Message[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ role, content }, at) => role === other[at]?.role && content === other[at].content)
  );
}

/** Whether a prompt of its own column is the one in a whole conversation; that may have a system prompt, or turns before. */
function goesWith(prompt: readonly Message[], conversation: readonly Message[]): boolean {
  const asked = prompt.at(-1)?.content;
  return conversation.some(({ role, content }) => role === 'user' && content === asked);
}
