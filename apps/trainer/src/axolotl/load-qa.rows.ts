import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import { longestLine, readTextLines } from '@anneal/rows';
import { z } from 'zod';

const row = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

/**
 * Writes the prepared conversations as the question and answer columns of `alpaca_chat.load_qa`. A system prompt goes
 * before the question, since that form has no place for one.
 */
export async function writeQuestionsAndAnswers(from: string, to: string, signal: AbortSignal): Promise<void> {
  const file = createWriteStream(to);
  try {
    for await (const { number, text } of readTextLines(from, tooLong)) {
      signal.throwIfAborted();
      const line = `${JSON.stringify(questionAndAnswer(JSON.parse(text), number))}\n`;
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
