import { Failure, type AcceptedRunSpec, type TrainingObjective } from '@anneal/contracts';
import { holdsMessages, isBlank, isShareGpt } from './message.js';
import type { SourceRow } from './row.js';

type Mapping = NonNullable<AcceptedRunSpec['dataset']['columns']>;

/** How the rows of a source say what is asked and answered. */
export interface DataFormat {
  readonly name: 'chat' | 'sharegpt' | 'question-answer' | 'alpaca' | 'text' | 'preference' | 'openai-preference';
  readonly columns: Mapping;
}

const usualNames = {
  messages: ['messages', 'conversation', 'conversations'],
  tools: ['tools', 'functions'],
  question: ['question', 'prompt', 'instruction', 'problem'],
  input: ['input'],
  answer: ['answer', 'completion', 'output', 'response'],
  text: ['text'],
  system: ['system', 'system_prompt'],
} as const;

/** Names that an error proposes; those beyond the usual ones are taken for nothing by themselves. */
const likelyNames = {
  question: [...usualNames.question, 'query', 'input', 'user', 'human'],
  answer: [...usualNames.answer, 'solution', 'reply', 'target', 'assistant'],
  text: [...usualNames.text, 'content', 'body', 'document'],
} as const;

/** The names that preference pairs go by: OpenAI's, TRL's, and those of well-known sets. */
const usualPairNames = {
  prompt: ['prompt', 'question', 'instruction', 'input', 'problem', 'messages', 'conversation', 'conversations'],
  chosen: ['chosen', 'preferred_output', 'chosen_response', 'preferred'],
  rejected: ['rejected', 'non_preferred_output', 'rejected_response', 'dispreferred'],
} as const;

/** How many rows an error shows, so that its reader sees what is there. */
const rowsShown = 3;
const longestShown = 120;
const columnsShown = 20;
const longestName = 60;

/** The column in which a row declares tools: rows without any often leave it out, even the first one. */
export function toolsColumn({ columns }: DataFormat, row: SourceRow['columns']): string | undefined {
  return columns.tools ?? usualNames.tools.find((name) => name in row);
}

/** The column of what an instruction is about: rows without any often leave it out, even the first ones. */
export function inputColumn({ columns }: DataFormat, row: SourceRow['columns']): string | undefined {
  // Only the instructions of alpaca's form have an input; elsewhere a column of that name may be anything.
  if (columns.input !== undefined || columns.question !== 'instruction') return columns.input;
  return usualNames.input.find((name) => name in row);
}

/** What rows of a format are there to teach. */
export function objectiveOf({ name }: DataFormat): TrainingObjective {
  return name === 'preference' || name === 'openai-preference' ? 'dpo' : 'sft';
}

/** What a row seems to be there to teach: it has two answers, one preferred to the other, or it has not. */
export function objectiveOfRow({ columns }: SourceRow): TrainingObjective {
  const present = Object.keys(columns);
  const has = (names: readonly string[]): boolean => names.some((name) => present.includes(name));
  return has(usualPairNames.chosen) && has(usualPairNames.rejected) ? 'dpo' : 'sft';
}

/**
 * Finds the format by looking at the first rows; the RunSpec's mapping wins over what is found by name.
 *
 * @param rows the first rows of the source, at least one; a column that the very first leaves out may be in others
 * @param objective what is to be learnt: answers, or which of two is the better one
 * @throws Failure DATASET_COLUMN_MISSING with the columns, some rows, and the format that comes nearest
 */
export function findFormat(
  rows: readonly SourceRow[],
  wanted: Mapping | undefined,
  file: string,
  objective: TrainingObjective = 'sft',
): DataFormat {
  const [first] = rows;
  if (!first) throw new RangeError('a format is found by looking at rows');
  const present = columnsOf(rows);
  for (const [what, column] of Object.entries(wanted ?? {})) {
    if (!present.includes(column))
      throw columnMissing(`dataset.columns.${what} names "${column}"`, rows, file, {
        field: `dataset.columns.${what}`,
      });
  }
  if (objective === 'dpo') return pairFormat(rows, wanted, file);
  const found = (names: readonly string[]): string | undefined => names.find((name) => present.includes(name));
  const asksPair = wanted?.question !== undefined || wanted?.answer !== undefined;
  if (wanted?.text !== undefined) return { name: 'text', columns: { text: wanted.text } };
  const messages = wanted?.messages ?? (asksPair ? undefined : found(usualNames.messages));
  if (messages !== undefined) {
    const tools = wanted?.tools ?? found(usualNames.tools);
    const columns = { ...systemIn(rows), ...wanted, messages, ...(tools === undefined ? {} : { tools }) };
    return { name: rows.some((row) => isShareGpt(row.columns[messages])) ? 'sharegpt' : 'chat', columns };
  }
  const question = wanted?.question ?? found(usualNames.question);
  const answer = wanted?.answer ?? found(usualNames.answer);
  if ((question === undefined || answer === undefined) && objectiveOfRow(first) === 'dpo')
    throw columnMissing('These are preference pairs, and the answers of rows were to be learnt', rows, file, {
      field: 'training.objective',
      remedy:
        'Set training.objective to dpo (method dpo of a fine-tuning job) to learn which answer is preferred, or give conversations, or questions with answers.',
    });
  const text = found(usualNames.text);
  // Beside one half of a pair, a column named "text" is more likely the other half than plain text.
  if (text !== undefined && question === undefined && answer === undefined) return { name: 'text', columns: { text } };
  if (question === undefined || answer === undefined)
    throw columnMissing('No column holds messages, question and answer, or text', rows, file, {
      field: 'dataset.columns',
    });
  const columns = { ...systemIn(rows), ...wanted, question, answer };
  const inputs = rows.map((row) => inputColumn({ name: 'alpaca', columns }, row.columns));
  const input = inputs.find((column) => column !== undefined);
  return input === undefined
    ? { name: 'question-answer', columns }
    : { name: 'alpaca', columns: { ...columns, input } };
}

/** All columns of some rows: objects may leave some out. */
function columnsOf(rows: readonly SourceRow[]): string[] {
  return [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))];
}

/** The column of system prompts, where one has such a name and nothing but text. */
function systemIn(rows: readonly SourceRow[]): Pick<Mapping, 'system'> {
  const system = usualNames.system.find((name) => {
    const values = rows.map(({ columns }) => columns[name]).filter((value) => !isBlank(value));
    return values.length > 0 && values.every((value) => typeof value === 'string');
  });
  return system === undefined ? {} : { system };
}

function pairFormat(rows: readonly SourceRow[], wanted: Mapping | undefined, file: string): DataFormat {
  const present = columnsOf(rows);
  const found = (names: readonly string[]): string | undefined => names.find((name) => present.includes(name));
  const chosen = wanted?.chosen ?? found(usualPairNames.chosen);
  const rejected = wanted?.rejected ?? found(usualPairNames.rejected);
  if (chosen === undefined || rejected === undefined) throw noPairs(rows, present, { chosen, rejected, file });
  // A whole conversation says itself what was asked, and a column named like a prompt may then be anything.
  const whole = isConversation(rows.map(({ columns }) => columns[chosen]).find(isSomething));
  const prompt = wanted?.prompt ?? (whole ? undefined : found(usualPairNames.prompt));
  if (prompt === undefined && !whole)
    throw columnMissing(`"${chosen}" holds no whole conversations, and no column holds prompts`, rows, file, {
      field: 'dataset.columns.prompt',
      remedy: 'Name the column of what was asked in dataset.columns.prompt.',
    });
  const columns = { ...systemIn(rows), ...wanted, ...(prompt === undefined ? {} : { prompt }), chosen, rejected };
  const isOpenai = chosen === 'preferred_output' && rejected === 'non_preferred_output';
  return { name: isOpenai ? 'openai-preference' : 'preference', columns };
}

function noPairs(
  rows: readonly SourceRow[],
  present: readonly string[],
  { chosen, rejected, file }: { chosen: string | undefined; rejected: string | undefined; file: string },
): Failure {
  const named = chosen ?? rejected;
  if (named !== undefined) {
    const other = chosen === undefined ? 'chosen' : 'rejected';
    return columnMissing(`No column holds the ${other} answers beside "${named}"`, rows, file, {
      field: `dataset.columns.${other}`,
      remedy: `Name the column of the ${other} answers in dataset.columns.${other}.`,
    });
  }
  const has = (names: readonly string[]): boolean => names.some((name) => present.includes(name));
  const isSft = has(usualNames.messages) || (has(usualNames.question) && has(usualNames.answer));
  return isSft
    ? columnMissing(
        'These rows have one answer each, and pairs of a chosen and a rejected one are needed',
        rows,
        file,
        {
          field: 'training.objective',
          remedy:
            'Leave training.objective out (method supervised of a fine-tuning job) to learn these answers, or give rows with prompt, chosen and rejected.',
        },
      )
    : columnMissing('No column holds chosen and rejected answers', rows, file, {
        field: 'dataset.columns',
        remedy: 'Name the columns in dataset.columns, as prompt, chosen and rejected.',
      });
}

function isSomething(value: unknown): boolean {
  return !isBlank(value) && !(Array.isArray(value) && value.length === 0);
}

/** Whether a value has more than an answer: several messages, of which the answer is the last. */
function isConversation(value: unknown): boolean {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return list.length > 1;
}

function columnMissing(
  what: string,
  rows: readonly SourceRow[],
  file: string,
  { field, remedy }: { field: string; remedy?: string },
): Failure {
  const [first, ...others] = rows;
  const where =
    others.length > 0 ? `the first ${rows.length} rows of ${file} have` : `${placeOf(first)} of ${file} has`;
  const shown = rows.slice(0, rowsShown).map((row) => `${placeOf(row)}: ${short(row.columns)}`);
  return new Failure(
    'DATASET_COLUMN_MISSING',
    `${what}, but ${where} the columns ${namedColumns(columnsOf(rows))}. It begins with ${shown.join('; ')}.`,
    { remedy: remedy ?? nearest(rows), field, file },
  );
}

/** Columns as a message names them: so many as somebody reads. */
export function namedColumns(columns: readonly string[]): string {
  const named = columns.slice(0, columnsShown).map((name) => `"${clipped(name, longestName)}"`);
  const more = columns.length > columnsShown ? `, and ${columns.length - columnsShown} more` : '';
  return `${named.join(', ') || '(none)'}${more}`;
}

function placeOf(row: SourceRow | undefined): string {
  return `${row?.unit ?? 'row'} ${row?.number ?? 1}`;
}

function short(columns: SourceRow['columns']): string {
  return clipped(JSON.stringify(columns), longestShown);
}

function clipped(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** The format that comes nearest to what the rows hold, as the next step. */
function nearest(rows: readonly SourceRow[]): string {
  const present = columnsOf(rows);
  const like = (names: readonly string[]): string | undefined =>
    names.map((name) => present.find((column) => column.toLowerCase() === name)).find((column) => column !== undefined);
  const messages = present.find((column) => rows.some(({ columns }) => holdsMessages(columns[column])));
  if (messages !== undefined) return `It comes nearest to chat: name "${messages}" in dataset.columns.messages.`;
  const question = like(likelyNames.question);
  const answer = like(likelyNames.answer);
  if (question !== undefined && answer !== undefined)
    return `It comes nearest to question and answer: name "${question}" in dataset.columns.question and "${answer}" in dataset.columns.answer.`;
  if (question !== undefined)
    return `It comes nearest to question and answer: name the column of the answers in dataset.columns.answer beside "${question}".`;
  if (answer !== undefined)
    return `It comes nearest to question and answer: name the column of the questions in dataset.columns.question beside "${answer}".`;
  const text = like(likelyNames.text);
  if (text !== undefined) return `It comes nearest to plain text: name "${text}" in dataset.columns.text.`;
  return 'Name the columns in dataset.columns: as messages, as question and answer, or as text.';
}
