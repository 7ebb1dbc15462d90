import { createHash } from 'node:crypto';
import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
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
 * A message of OpenAI's chat rows, of which role and content are trained; `name` and unknown keys are passed over. What
 * changes the meaning of a row is refused: without it the row would teach what its author left out.
 */
const message = z
  .object({
    role: z.enum(['system', 'user', 'assistant'], {
      error: ({ input }) =>
        rolesNotTrained.includes(input) ? `messages of the role "${String(input)}" are not trained yet` : undefined,
    }),
    // As text, too: so come the 64-bit integers of a parquet file.
    weight: z.literal([1, '1'], { error: 'messages of another weight than 1 are not trained yet' }).nullish(),
    tool_calls: nothing('tool calls'),
    function_call: nothing('function calls'),
    content: z.string(),
  })
  .transform(({ role, content }) => ({ role, content }));
type Message = z.infer<typeof message>;

/** The one form in which rows are trained: a conversation that ends with the answer to be learnt. */
export interface Conversation {
  readonly messages: readonly Message[];
}

type Mapping = NonNullable<AcceptedRunSpec['dataset']['columns']>;

const usualNames = {
  messages: ['messages', 'conversation'],
  question: ['question', 'prompt', 'instruction', 'problem'],
  answer: ['answer', 'completion', 'output', 'response'],
} as const;

/** Decides from the first row which columns hold what; the RunSpec's mapping wins over what is found by name. */
export function findColumns(first: SourceRow, wanted: Mapping | undefined, file: string): Mapping {
  const present = Object.keys(first.columns);
  for (const [what, column] of Object.entries(wanted ?? {})) {
    if (!present.includes(column))
      throw columnMissing(`dataset.columns.${what} names "${column}"`, first, file, `dataset.columns.${what}`);
  }
  if (wanted?.messages || (wanted?.question && wanted.answer)) return wanted;
  const found = (names: readonly string[]): string | undefined => names.find((name) => present.includes(name));
  const messages = found(usualNames.messages);
  if (messages && !wanted?.question && !wanted?.answer) return { ...wanted, messages };
  const question = wanted?.question ?? found(usualNames.question);
  const answer = wanted?.answer ?? found(usualNames.answer);
  if (question && answer) return { ...wanted, question, answer };
  throw columnMissing('No column holds messages, nor question and answer', first, file, 'dataset.columns');
}

function columnMissing(what: string, { number, unit, columns }: SourceRow, file: string, field: string): Failure {
  const present = Object.keys(columns).map((name) => `"${name}"`);
  return new Failure(
    'DATASET_COLUMN_MISSING',
    `${what}, but ${unit} ${number} of ${file} has the columns ${present.join(', ') || '(none)'}.`,
    {
      remedy: 'Name the columns in dataset.columns, as messages, or as question and answer.',
      field,
      file,
    },
  );
}

/** Turns a row into a conversation, or says what is wrong with the row. */
export function toConversation(
  row: SourceRow,
  columns: Mapping,
  system: string | undefined,
  file: string,
): Conversation {
  const refuse = (problem: string): never => {
    throw new Failure('DATASET_ROW_INVALID', `In ${row.unit} ${row.number} of ${file}, ${problem}.`, {
      remedy: 'Correct or remove this row.',
      file,
      row: row.number,
    });
  };
  const text = (column: string): string => {
    const value = row.columns[column];
    if (typeof value !== 'string') return refuse(`column "${column}" holds no text`);
    if (value.trim() === '') return refuse(`column "${column}" is empty`);
    return value;
  };
  if (columns.messages)
    return { messages: checkMessages(row.columns[columns.messages], columns.messages, system, refuse) };
  if (!columns.question || !columns.answer) return refuse('no columns are mapped');
  const ownSystem = columns.system === undefined ? system : text(columns.system);
  return {
    messages: [
      ...(ownSystem === undefined ? [] : [{ role: 'system' as const, content: ownSystem }]),
      { role: 'user', content: text(columns.question) },
      { role: 'assistant', content: text(columns.answer) },
    ],
  };
}

function checkMessages(
  value: unknown,
  column: string,
  system: string | undefined,
  refuse: (problem: string) => never,
): Message[] {
  const parsed = z.array(message).min(2).safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refuse(
      `column "${column}" is no conversation to train on (${[column, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'unreadable'})`,
    );
  }
  const messages = parsed.data;
  if (messages.at(-1)?.role !== 'assistant') return refuse(`column "${column}" does not end with an assistant message`);
  if (!messages.some(({ role }) => role === 'user')) return refuse(`column "${column}" has no user message`);
  const empty = messages.findIndex(({ content }) => content.trim() === '');
  if (empty >= 0) return refuse(`message ${empty + 1} in column "${column}" is empty`);
  return system !== undefined && messages[0]?.role !== 'system'
    ? [{ role: 'system', content: system }, ...messages]
    : messages;
}

/** Names a conversation by its content alone, so that the same row is the same row in every source and order. */
export function conversationDigest(conversation: Conversation): string {
  const content = conversation.messages.map(({ role, content }) => [role, content]);
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
