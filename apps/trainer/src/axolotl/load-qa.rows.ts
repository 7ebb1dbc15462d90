import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import { conversationsOf, isPair, loadQaPrompt, longestLine, readTextLines, type TrainingRow } from '@anneal/rows';
import { z } from 'zod';

const message = z.object({ role: z.string(), content: z.string() });
const row = z.object({ messages: z.array(message) });

/**
 * Writes the prepared conversations as the question and answer columns of `alpaca_chat.load_qa`. A system prompt goes
 * before the question, since that form has no place for one.
 */
export function writeQuestionsAndAnswers(from: string, to: string, signal: AbortSignal): Promise<void> {
  return writeEach(
    readTextLines(from, tooLong),
    to,
    ({ number, text }) => questionAndAnswer(JSON.parse(text), number),
    signal,
  );
}

/** Writes prepared preference pairs as texts of that form, which Axolotl takes as they are. */
export function writeLoadQaPairs(rows: AsyncIterable<TrainingRow>, to: string, signal: AbortSignal): Promise<void> {
  let number = 0;
  return writeEach(rows, to, (row) => loadQaPair(row, ++number), signal);
}

async function writeEach<Row>(
  rows: AsyncIterable<Row>,
  to: string,
  rewrite: (row: Row) => object,
  signal: AbortSignal,
): Promise<void> {
  const file = createWriteStream(to);
  try {
    for await (const row of rows) {
      signal.throwIfAborted();
      if (!file.write(`${JSON.stringify(rewrite(row))}\n`)) await once(file, 'drain');
    }
  } finally {
    file.end();
    await finished(file);
  }
}

function tooLong(row: number): Failure {
  return new Failure('DATASET_ROW_INVALID', `Row ${row} is longer than ${longestLine} bytes.`, {
    remedy: 'Shorten the row, or leave it out.',
    row,
  });
}

/** One pair, counted from 1. TRL ends the answers with the token that ends a text. */
function loadQaPair(row: TrainingRow, number: number): { prompt: string; chosen: string; rejected: string } {
  if (!isPair(row)) throw new Error(`row ${number} of a set of pairs is none`);
  const [whole] = conversationsOf(row);
  const { question } = questionAndAnswer(whole, number);
  return { prompt: loadQaPrompt(question), chosen: row.chosen, rejected: row.rejected };
}

/** One row, counted from 1; only a conversation of one question and one answer has this form. */
export function questionAndAnswer(value: unknown, number: number): { question: string; answer: string } {
  const { messages } = row.parse(value);
  const system = messages[0]?.role === 'system' ? messages[0] : undefined;
  const [question, answer, ...more] = system ? messages.slice(1) : messages;
  if (question?.role !== 'user' || answer?.role !== 'assistant' || more.length > 0) {
    throw new Failure(
      'DATASET_ROW_INVALID',
      `Row ${number} is not one question with one answer, which load-qa needs.`,
      {
        remedy: 'Set training.prompt to chat, or give rows with one question and one answer.',
        field: 'training.prompt',
        row: number,
      },
    );
  }
  return {
    question: system ? `${system.content}\n\n${question.content}` : question.content,
    answer: answer.content,
  };
}
