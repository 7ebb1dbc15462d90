import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import type { SourceRow } from './row.js';

type Mapping = NonNullable<AcceptedRunSpec['dataset']['columns']>;

/** How the rows of a source say what is asked and answered. */
export interface DataFormat {
  readonly name: 'chat' | 'sharegpt' | 'question-answer' | 'alpaca' | 'text';
  readonly columns: Mapping;
}

const usualNames = {
  messages: ['messages', 'conversation', 'conversations'],
  tools: ['tools', 'functions'],
  question: ['question', 'prompt', 'instruction', 'problem'],
  input: ['input'],
  answer: ['answer', 'completion', 'output', 'response'],
  text: ['text'],
} as const;

/** How many rows an error shows, so that its reader sees what is there. */
const rowsShown = 3;
const longestShown = 120;

/**
 * Finds the format by looking at the first rows; the RunSpec's mapping wins over what is found by name.
 *
 * @param rows the first rows of the source, at least one
 * @throws Failure DATASET_COLUMN_MISSING with the columns, some rows, and the format that comes nearest
 */
export function findFormat(rows: readonly SourceRow[], wanted: Mapping | undefined, file: string): DataFormat {
  const [first] = rows;
  if (!first) throw new RangeError('a format is found by looking at rows');
  const present = Object.keys(first.columns);
  for (const [what, column] of Object.entries(wanted ?? {})) {
    if (!present.includes(column))
      throw columnMissing(`dataset.columns.${what} names "${column}"`, rows, file, `dataset.columns.${what}`);
  }
  const found = (names: readonly string[]): string | undefined => names.find((name) => present.includes(name));
  const asksPair = wanted?.question !== undefined || wanted?.answer !== undefined;
  if (wanted?.text !== undefined) return { name: 'text', columns: { text: wanted.text } };
  const messages = wanted?.messages ?? (asksPair ? undefined : found(usualNames.messages));
  if (messages !== undefined) {
    const tools = wanted?.tools ?? found(usualNames.tools);
    return chatFormat({ ...wanted, messages, ...(tools === undefined ? {} : { tools }) }, first);
  }
  const question = wanted?.question ?? found(usualNames.question);
  const answer = wanted?.answer ?? found(usualNames.answer);
  const text = found(usualNames.text);
  // Beside one half of a pair, a column named "text" is more likely the other half than plain text.
  if (text !== undefined && question === undefined && answer === undefined) return { name: 'text', columns: { text } };
  if (question === undefined || answer === undefined)
    throw columnMissing('No column holds messages, question and answer, or text', rows, file, 'dataset.columns');
  // Only the instructions of alpaca's form have an input; elsewhere a column of that name may be anything.
  const input = wanted?.input ?? (question === 'instruction' ? found(usualNames.input) : undefined);
  const columns = { ...wanted, question, answer, ...(input === undefined ? {} : { input }) };
  return { name: input === undefined ? 'question-answer' : 'alpaca', columns };
}

function chatFormat(columns: Mapping & { messages: string }, { columns: row }: SourceRow): DataFormat {
  const value = row[columns.messages];
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  const isShareGpt = typeof first === 'object' && first !== null && 'from' in first && !('role' in first);
  return { name: isShareGpt ? 'sharegpt' : 'chat', columns };
}

function columnMissing(what: string, rows: readonly SourceRow[], file: string, field: string): Failure {
  const [first] = rows;
  const present = Object.keys(first?.columns ?? {});
  const named = present.map((name) => `"${name}"`).join(', ') || '(none)';
  const shown = rows.slice(0, rowsShown).map(({ unit, number, columns }) => `${unit} ${number}: ${short(columns)}`);
  return new Failure(
    'DATASET_COLUMN_MISSING',
    `${what}, but ${first?.unit ?? 'row'} ${first?.number ?? 1} of ${file} has the columns ${named}. It begins with ${shown.join('; ')}.`,
    { remedy: nearest(present), field, file },
  );
}

function short(columns: SourceRow['columns']): string {
  const text = JSON.stringify(columns);
  return text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;
}

/** The format that comes nearest to the columns, as the next step. */
function nearest(present: readonly string[]): string {
  const has = (names: readonly string[]): string | undefined => names.find((name) => present.includes(name));
  const question = has(usualNames.question);
  const answer = has(usualNames.answer);
  if (question !== undefined)
    return `It comes nearest to question and answer: name the column of the answers in dataset.columns.answer beside "${question}".`;
  if (answer !== undefined)
    return `It comes nearest to question and answer: name the column of the questions in dataset.columns.question beside "${answer}".`;
  return 'Name the columns in dataset.columns: as messages, as question and answer, or as text.';
}
