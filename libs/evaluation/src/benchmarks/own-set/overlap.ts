import { z } from 'zod';
import { normalise } from '../../scoring/normalised.js';
import type { Score } from '../../scoring/outcome.js';
import type { ItemRow } from '../item.lines.js';
import { readJsonLines } from '../json-lines.js';

const message = z.object({ role: z.string(), content: z.string() });
/** Conversations, or what was asked with two answers to it. */
const trainingLine = z
  .object({ messages: z.array(message), chosen: z.string().optional(), rejected: z.string().optional() })
  .transform(({ messages, chosen, rejected }) => {
    const answers = [chosen, rejected].filter((answer) => answer !== undefined);
    if (answers.length === 0) return [messages];
    return answers.map((content) => [...messages, { role: 'assistant', content }]);
  });

/**
 * Items whose question stands in a training row, up to case and white space, with an answer next to it that is the
 * expected one or would be scored as right.
 */
export async function rowsSeenInTraining(
  rows: readonly ItemRow[],
  { trainFile, score, signal }: { trainFile: string; score: Score; signal: AbortSignal },
): Promise<ItemRow[]> {
  // The set of questions is kept and the training set is read past it: the latter may be larger than the memory.
  const asked = new Map<string, ItemRow[]>();
  for (const row of rows) {
    const question = normalise(row.question);
    asked.set(question, [...(asked.get(question) ?? []), row]);
  }
  const seen = new Set<ItemRow>();
  for await (const { value } of readJsonLines(trainFile, 'train.jsonl')) {
    signal.throwIfAborted();
    for (const messages of trainingLine.parse(value)) {
      messages.forEach(({ role, content }, index) => {
        const answer = messages[index + 1];
        if (role !== 'user' || answer?.role !== 'assistant') return;
        for (const row of asked.get(normalise(content)) ?? []) {
          if (givesAway(row, answer.content, score)) seen.add(row);
        }
      });
    }
  }
  return rows.filter((row) => seen.has(row));
}

function givesAway({ item, answers }: ItemRow, answer: string, score: Score): boolean {
  const given = normalise(answer);
  return answers.some((expected) => normalise(expected) === given) || score(answer, item.expected) === 'correct';
}
