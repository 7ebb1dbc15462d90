import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Describes tasks of lm-eval whose data lies beside them: `own_sums` has a model write, and `own_pick` compares the
 * likelihoods of given answers. The questions are "What is N + 1?". `own_shots` asks twice as many of them, after two
 * examples that are drawn, under a description. The tag `own_tag` has these two that write, and so has the group
 * `own_all`, where each item counts once, by way of the group `own_even`, where each task does; `own_whole`, which is in
 * `own_mixed`, is scored over all answers together.
 */
export function writeOwnTasks(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const rows = (from: number): string =>
    Array.from({ length: count }, (_, index) => from + index)
      .map((n) => ({ question: `What is ${n} + 1?`, answer: `${n + 1}`, choices: [`${n + 1}`, `${n + 2}`], right: 0 }))
      .map((row) => `${JSON.stringify(row)}\n`)
      .join('');
  const [sums, more] = [join(folder, 'sums.jsonl'), join(folder, 'more.jsonl')];
  writeFileSync(sums, rows(1));
  writeFileSync(more, rows(count + 1));
  const data = {
    dataset_path: 'json',
    dataset_kwargs: { data_files: { test: sums } },
    ...{ test_split: 'test', num_fewshot: 0, doc_to_text: '{{question}}\nAnswer:' },
    metadata: { version: 1.0 },
  };
  const written = {
    ...{ task: 'own_sums', tag: 'own_tag', ...data, output_type: 'generate_until', doc_to_target: '{{answer}}' },
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
  const taught = {
    ...written,
    ...{ task: 'own_shots', tag: 'own_tag', num_fewshot: 2, fewshot_split: 'test', description: 'Add up.\n\n' },
    dataset_kwargs: { data_files: { test: [sums, more] } },
  };
  const whole = { ...written, task: 'own_whole', tag: [], metric_list: [{ metric: 'bleu' }] };
  const group = (name: string, weighted: boolean, task = ['own_sums', 'own_shots']) => ({
    ...{ group: name, task, aggregate_metric_list: [{ metric: 'exact_match', weight_by_size: weighted }] },
  });
  const files = {
    ...{ own_sums: written, own_pick: chosen, own_shots: taught, own_whole: whole },
    ...{ own_all: group('own_all', true, ['own_even']), own_even: group('own_even', false) },
    own_mixed: group('own_mixed', true, ['own_sums', 'own_whole']),
  };
  // JSON is YAML.
  for (const [name, task] of Object.entries(files)) writeFileSync(join(folder, `${name}.yaml`), JSON.stringify(task));
}
