import { readPreparedRows } from '@anneal/datasets';
import { conversationsOf } from '@anneal/rows';
import { normalise } from '../../scoring/normalised.js';
import type { Score } from '../../scoring/outcome.js';
import type { ItemRow } from '../item.lines.js';

/**
 * Items whose question stands in a training row, up to case and white space, with an answer next to it that is the
 * expected one or would be scored as right. In plain text, which has no answers, such a question is left to the search for
 * running words when the set was made.
 *
 * @param dataset folder of the prepared set
 */
export async function rowsSeenInTraining(
  rows: readonly ItemRow[],
  { dataset, score, signal }: { dataset: string; score: Score; signal: AbortSignal },
): Promise<ItemRow[]> {
  // The set of questions is kept and the training set is read past it: the latter may be larger than the memory.
  const asked = new Map<string, ItemRow[]>();
  for (const row of rows) {
    const question = normalise(row.question);
    asked.set(question, [...(asked.get(question) ?? []), row]);
  }
  const seen = new Set<ItemRow>();
  for await (const row of readPreparedRows(dataset)) {
    signal.throwIfAborted();
    for (const { messages } of conversationsOf(row)) {
      messages.forEach(({ role, content }, index) => {
        const answer = messages[index + 1];
        if (role !== 'user' || answer?.role !== 'assistant') return;
        for (const item of asked.get(normalise(content)) ?? []) {
          if (givesAway(item, answer.content, score)) seen.add(item);
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
