import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import { loadQaPrompt, longestLine, readTextLines } from '@anneal/rows';
import { z } from 'zod';

const message = z.object({ role: z.string(), content: z.string() });
const row = z.object({ messages: z.array(message) });
const pair = row.extend({ chosen: z.string(), rejected: z.string() });

/**
 * Writes the prepared conversations as the question and answer columns of `alpaca_chat.load_qa`. A system prompt goes
 * before the question, since that form has no place for one.
 */
export function writeQuestionsAndAnswers(from: string, to: string, signal: AbortSignal): Promise<void> {
  return writeEach(from, to, questionAndAnswer, signal);
}

/** Writes prepared preference pairs as texts of that form, which Axolotl takes as they are. */
export function writeLoadQaPairs(from: string, to: string, signal: AbortSignal): Promise<void> {
  return writeEach(from, to, loadQaPair, signal);
}

type Rewrite = (value: unknown, number: number) => object;

async function writeEach(from: string, to: string, rewrite: Rewrite, signal: AbortSignal): Promise<void> {
  const file = createWriteStream(to);
  try {
    for await (const { number, text } of readTextLines(from, tooLong)) {
      signal.throwIfAborted();
      const line = `${JSON.stringify(rewrite(JSON.parse(text), number))}\n`;
      if (!file.write(line)) await once(file, 'drain');
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
export function loadQaPair(value: unknown, number: number): { prompt: string; chosen: string; rejected: string } {
  const { messages, chosen, rejected } = pair.parse(value);
  const { question } = questionAndAnswer({ messages: [...messages, { role: 'assistant', content: chosen }] }, number);
  return { prompt: loadQaPrompt(question), chosen, rejected };
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
