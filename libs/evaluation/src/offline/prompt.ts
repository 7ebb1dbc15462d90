import { Failure } from '@anneal/contracts';
import { mmluPrompt } from '../benchmarks/mmlu-pro/prompt.js';
import { readTest, readValidation } from '../benchmarks/mmlu-pro/rows.js';

/**
 * The prompt of one question of MMLU-Pro, byte for byte.
 *
 * @param data folder of the benchmark
 * @param shots examples before the question
 */
export async function mmluProPrompt({
  data,
  question: id,
  shots,
}: {
  data: string;
  question: number;
  shots: number;
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
  if (examples.length >= shots) return mmluPrompt(question, examples.slice(0, shots));
  throw new Failure(
    'BENCHMARK_INVALID',
    `The validation split has ${examples.length} examples of ${question.category}.`,
    {
      remedy: `Ask for at most ${examples.length} (--shots).`,
      file: data,
    },
  );
}
