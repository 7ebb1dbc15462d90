import { z } from 'zod';
import type { Prompt } from '../benchmark.js';
import type { ItemRow } from '../item.lines.js';
import { readJsonLines } from '../json-lines.js';

const trainingLine = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

/** Lines of the items whose question and expected answer stand, exactly so, next to each other in a training row. */
export async function rowsSeenInTraining(
  rows: readonly ItemRow[],
  trainFile: string,
  signal: AbortSignal,
): Promise<number[]> {
  // The set of questions is kept and the training set is read past it: the latter may be larger than the memory.
  const asked = new Map<string, number[]>();
  for (const { row, item } of rows) {
    const key = pairKey(questionOf(item.prompt), item.expected);
    asked.set(key, [...(asked.get(key) ?? []), row]);
  }
  const seen = new Set<number>();
  for await (const { value } of readJsonLines(trainFile, 'train.jsonl')) {
    signal.throwIfAborted();
    const { messages } = trainingLine.parse(value);
    messages.forEach(({ role, content }, index) => {
      const answer = messages[index + 1];
      if (role !== 'user' || answer?.role !== 'assistant') return;
      for (const row of asked.get(pairKey(content, answer.content)) ?? []) seen.add(row);
    });
  }
  return [...seen].toSorted((a, b) => a - b);
}

function questionOf(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  return prompt.messages.findLast(({ role }) => role === 'user')?.content ?? '';
}

function pairKey(question: string, answer: string): string {
  return JSON.stringify([question, answer]);
}
