import { Failure, type LmEvalBenchmark } from '@anneal/contracts';
import { describedTask } from '../benchmarks/lm-eval/lm-eval.benchmark.js';
import { mmluConversation, mmluPrompt } from '../benchmarks/mmlu-pro/prompt.js';
import { readTest, readValidation } from '../benchmarks/mmlu-pro/rows.js';
import type { InstalledHarness } from '../harness/installed-harness.js';

/**
 * The prompt of one question of MMLU-Pro, byte for byte; of a conversation its turns, as JSON.
 *
 * @param data folder of the benchmark
 * @param shots examples before the question
 */
export async function mmluProPrompt({
  data,
  question: id,
  shots,
  form = 'completion',
}: {
  data: string;
  question: number;
  shots: number;
  form?: LmEvalBenchmark['prompt'];
}): Promise<string> {
  const question = (await readTest(data)).find(({ question_id }) => question_id === id);
  if (!question) {
    throw new Failure('BENCHMARK_INVALID', `The data has no question ${id}.`, {
      remedy: 'Check the id; question_id of the test files names them.',
      file: data,
    });
  }
  // Without examples the validation split is not needed, and may be missing.
  const examples =
    shots === 0 ? [] : (await readValidation(data)).filter(({ category }) => category === question.category);
  if (examples.length >= shots) {
    const shown = examples.slice(0, shots);
    return form === 'chat' ? JSON.stringify(mmluConversation(question, shown)) : mmluPrompt(question, shown);
  }
  throw new Failure(
    'BENCHMARK_INVALID',
    `The validation split has ${examples.length} examples of ${question.category}.`,
    {
      remedy: `Ask for at most ${examples.length} (--shots).`,
      file: data,
    },
  );
}

/**
 * The prompt of one item of a task of lm-eval, as the harness makes it; of a conversation its turns, as JSON.
 *
 * @param item named as in a report
 * @throws Failure BENCHMARK_INVALID, SOURCE_OFFLINE or HUB_UNAVAILABLE
 */
export async function taskPrompt(
  asked: Omit<Parameters<typeof describedTask>[0], 'limit' | 'seed'>,
  item: string,
  harness: InstalledHarness,
): Promise<string> {
  const where = { harness, field: 'task', signal: new AbortController().signal };
  const { items } = await describedTask({ ...asked, seed: 0 }, where);
  const found = items.find(({ id }) => id === item);
  if (found) return 'messages' in found ? JSON.stringify(found.messages) : found.prompt;
  throw new Failure('BENCHMARK_INVALID', `${asked.task} has no item ${item}.`, {
    remedy: `Its items are named like ${items[0]?.id ?? '0'}, up to ${items.at(-1)?.id ?? '0'}.`,
  });
}
