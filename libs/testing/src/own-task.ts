import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Describes tasks of lm-eval whose data lies beside them: `own_sums` has a model write, and `own_pick` compares the
 * likelihoods of given answers. The questions are "What is N + 1?".
 */
export function writeOwnTasks(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const rows = Array.from({ length: count }, (_, index) => ({
    question: `What is ${index + 1} + 1?`,
    answer: String(index + 2),
    choices: [String(index + 2), String(index + 3)],
    right: 0,
  }));
  writeFileSync(join(folder, 'sums.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const data = {
    dataset_path: 'json',
    dataset_kwargs: { data_files: { test: join(folder, 'sums.jsonl') } },
    ...{ test_split: 'test', num_fewshot: 0, doc_to_text: '{{question}}\nAnswer:' },
    metadata: { version: 1.0 },
  };
  const written = {
    ...{ task: 'own_sums', ...data, output_type: 'generate_until', doc_to_target: '{{answer}}' },
    generation_kwargs: { until: ['\n'], max_gen_toks: 8 },
    metric_list: [{ metric: 'exact_match' }],
  };
  const chosen = {
    ...{
      task: 'own_pick',
      ...data,
      output_type: 'multiple_choice',
      doc_to_choice: '{{choices}}',
      doc_to_target: 'right',
    },
    metric_list: [{ metric: 'acc' }, { metric: 'acc_norm' }],
  };
  // JSON is YAML.
  for (const task of [written, chosen]) writeFileSync(join(folder, `${task.task}.yaml`), JSON.stringify(task));
}
