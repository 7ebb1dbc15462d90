import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';

const row = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

/**
 * Writes the prepared conversations as the question and answer columns of `alpaca_chat.load_qa`. A system prompt goes
 * before the question, since that form has no place for one.
 */
export async function writeQuestionsAndAnswers(from: string, to: string, signal: AbortSignal): Promise<void> {
  const lines = createInterface({ input: createReadStream(from), crlfDelay: Infinity });
  const file = createWriteStream(to);
  let number = 0;
  try {
    for await (const line of lines) {
      signal.throwIfAborted();
      number += 1;
      const text = `${JSON.stringify(questionAndAnswer(JSON.parse(line), number))}\n`;
      if (!file.write(text)) await once(file, 'drain');
    }
  } finally {
    lines.close();
    file.end();
    await finished(file);
  }
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
