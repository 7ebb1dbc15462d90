import { conversationDigest, readConversation, type Conversation } from './conversation.js';
import { objectiveOf, type DataFormat } from './format.js';
import { rowInvalid, type RowRefusal } from './message.js';
import { pairDigest, readPair, type PreferencePair } from './preference.js';
import type { SourceRow } from './row.js';

/** A row in the form in which it is stored: with the answer to be learnt, or with two of which one is preferred. */
export type TrainingRow = Conversation | PreferencePair;

export type ReadTrainingRow =
  { readonly ok: true; readonly row: TrainingRow } | { readonly ok: false; readonly refusal: RowRefusal };

/** Turns the columns of a row into what is trained, or says what is wrong with them. Never throws. */
export function readTrainingRow(
  columns: SourceRow['columns'],
  format: DataFormat,
  system: string | undefined,
): ReadTrainingRow {
  if (objectiveOf(format) === 'dpo') {
    const read = readPair(columns, format, system);
    return read.ok ? { ok: true, row: read.pair } : read;
  }
  const read = readConversation(columns, format, system);
  return read.ok ? { ok: true, row: read.conversation } : read;
}

/** Turns a row into what is trained, or says in a Failure what is wrong with the row. */
export function toTrainingRow(
  row: SourceRow,
  format: DataFormat,
  system: string | undefined,
  file: string,
): TrainingRow {
  const read = readTrainingRow(row.columns, format, system);
  if (read.ok) return read.row;
  throw rowInvalid(row, file, read.refusal);
}

export function isPair(row: TrainingRow): row is PreferencePair {
  return 'chosen' in row;
}

/** The whole conversations of a row: one, or of a pair two, the one with the chosen answer first. Of these only the last answer is learnt. */
export function conversationsOf(row: TrainingRow): readonly Conversation[] {
  if (!isPair(row)) return [row];
  const { messages, chosen, rejected } = row;
  const asked = messages.map((message) =>
    message.role === 'assistant' ? { ...message, train: false as const } : message,
  );
  return [chosen, rejected].map((content) => ({ messages: [...asked, { role: 'assistant' as const, content }] }));
}

/** Names a row by its content alone, so that the same row is the same row in every source and order. */
export function rowDigest(row: TrainingRow): string {
  return isPair(row) ? pairDigest(row) : conversationDigest(row);
}
