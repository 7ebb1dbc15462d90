import { hash } from 'node:crypto';
import type { RowProblemCode } from '@anneal/contracts';
import { inputColumn, toolsColumn, type DataFormat } from './format.js';
import {
  holdsMessages,
  isBlank,
  isListAsText,
  isOfTools,
  messagesIn,
  refusalIn,
  Refused,
  rowInvalid,
  refuseEmpty,
  refuseHalfCharacters,
  refuseRepeated,
  systemOf,
  textOf,
  withSystem,
  type Message,
  type RowRefusal,
} from './message.js';
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
  return tools !== undefined || messages.some(isOfTools);
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
    const { messages, tools } = conversation;
    refuseHalfCharacters(
      messages.map(({ content }) => content),
      [tools, ...messages.map(({ tool_calls: made }) => made)],
    );
    return { ok: true, conversation };
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

function conversationIn(
  columns: SourceRow['columns'],
  format: DataFormat,
  usualSystem: string | undefined,
): Conversation {
  const { messages: column, question, answer, text, system: systemColumn } = format.columns;
  if (format.name === 'text')
    return { messages: [{ role: 'assistant', content: textOf(columns, text ?? 'text', 'empty') }], plain: true };
  const withOwnSystem = (messages: readonly Message[]): readonly Message[] =>
    withSystem(messages, systemOf(columns, systemColumn, usualSystem));
  if (column !== undefined) return withTools(withOwnSystem(checked(messagesIn(columns[column], column), column)));
  if (question === undefined || answer === undefined) throw new Refused('wrong-type', 'no columns are mapped');
  if (!holdsMessages(columns[question]) && !holdsMessages(columns[answer]))
    return { messages: withOwnSystem(pairMessages(columns, format, { question, answer })) };
  return withTools(withOwnSystem(dialogueIn(columns, { question, answer })));

  function withTools(messages: readonly Message[]): Conversation {
    const tools = toolsColumn(format, columns);
    const declared = tools === undefined ? [] : toolsIn(columns[tools], tools);
    return declared.length === 0 ? { messages } : { messages, tools: declared };
  }
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

interface PairColumns {
  readonly question: string;
  readonly answer: string;
}

function pairMessages(columns: SourceRow['columns'], format: DataFormat, { question, answer }: PairColumns): Message[] {
  const input = inputColumn(format, columns);
  const asked = saidIn(columns, question, 'empty');
  const more = input === undefined || isBlank(columns[input]) ? '' : `\n\n${textOf(columns, input, 'empty')}`;
  return [
    { role: 'user', content: `${asked}${more}` },
    { role: 'assistant', content: saidIn(columns, answer, 'answer-missing') },
  ];
}

/** Prompt and completion as lists of messages, in TRL's form: what is learnt is the completion. */
function dialogueIn(columns: SourceRow['columns'], { question, answer }: PairColumns): readonly Message[] {
  const asked = holdsMessages(columns[question])
    ? messagesIn(columns[question], question)
    : [{ role: 'user' as const, content: saidIn(columns, question, 'empty') }];
  const answered = holdsMessages(columns[answer])
    ? messagesIn(columns[answer], answer)
    : [{ role: 'assistant' as const, content: saidIn(columns, answer, 'answer-missing') }];
  const before = asked.map((said) => (said.role === 'assistant' ? { ...said, train: false as const } : said));
  return checked([...before, ...answered], `${question}" and "${answer}`);
}

function saidIn(columns: SourceRow['columns'], column: string, blank: RowProblemCode): string {
  const text = textOf(columns, column, blank);
  if (isListAsText(text)) messagesIn(text, column);
  return text;
}

function checked(messages: readonly Message[], column: string): readonly Message[] {
  if (messages.length < 2) throw new Refused('empty', `column "${column}" has a single message, and no answer to it`);
  if (messages.at(-1)?.role !== 'assistant')
    throw new Refused('answer-missing', `column "${column}" does not end with an assistant message`);
  if (!messages.some(({ role }) => role === 'user'))
    throw new Refused('wrong-role', `column "${column}" has no user message`);
  refuseEmpty(messages, column);
  if (!messages.some(({ role, train }) => role === 'assistant' && train !== false))
    throw new Refused('answer-missing', `column "${column}" has no message of weight 1 to learn`);
  const unasked = messages.findIndex(({ role }, index) => role === 'tool' && !answersCall(messages[index - 1]));
  if (unasked >= 0)
    throw new Refused('wrong-role', `message ${unasked + 1} in column "${column}" is of a tool that nobody has called`);
  refuseRepeated(messages, column);
  return messages;
}

/** What a tool says follows on a call, or on what another tool says. */
function answersCall(before: Message | undefined): boolean {
  return before?.role === 'tool' || before?.tool_calls !== undefined;
}

/** Names a conversation by its content alone, so that the same row is the same row in every source and order. */
export function conversationDigest({ messages, tools, plain }: Conversation): string {
  const said = messages.map(({ role, content, train, ...more }) => {
    const short: unknown[] = train === false ? [role, content, 0] : [role, content];
    return Object.keys(more).length === 0 ? short : [...short, more];
  });
  return hash('sha256', JSON.stringify(plain ? ['text', said] : tools ? [said, tools] : said), 'hex');
}
