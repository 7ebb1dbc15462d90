import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const start = promisify(execFile);

const taskName = 'mmlu_pro_math_local';

/**
 * The same questions with lm-eval's own task for MMLU-Pro, over files that are here, and without a tokenizer.
 *
 * @param program `lm_eval` of an environment that has lm-eval[api]
 * @returns milliseconds from start to end
 */
export async function timeLmEval(
  program: string,
  { url, data, folder }: { url: string; data: string; folder: string },
): Promise<number> {
  const python = join(dirname(program), 'python');
  const find = "import importlib.util as u; print(u.find_spec('lm_eval').origin)";
  const tasks = join(dirname((await start(python, ['-c', find])).stdout.trim()), 'tasks', 'mmlu_pro');
  const own = join(folder, 'task');
  mkdirSync(own, { recursive: true });
  copyFileSync(join(tasks, 'utils.py'), join(own, 'utils.py'));
  const file = (split: string): string => `    ${split}: ${join(data, `${split}-00000-of-00001.parquet`)}`;
  const source = ['dataset_path: parquet', 'dataset_kwargs:', '  data_files:', file('test'), file('validation')].join(
    '\n',
  );
  const template = readFileSync(join(tasks, '_default_template_yaml'), 'utf8');
  writeFileSync(join(own, '_default_template_yaml'), template.replace(/^dataset_path:.*$/m, source));
  const math = readFileSync(join(tasks, 'mmlu_pro_math.yaml'), 'utf8');
  writeFileSync(join(own, `${taskName}.yaml`), math.replace('mmlu_pro_math', taskName));
  const model = `model=stub,base_url=${url}/completions,num_concurrent=32,max_retries=3,tokenizer_backend=none,tokenized_requests=False`;
  const started = performance.now();
  await start(
    program,
    [
      ...['run', '--model', 'local-completions', '--model_args', model, '--tasks', taskName, '--include_path', own],
      ...['--num_fewshot', '5', '--batch_size', '1', '--output_path', join(folder, 'out'), '--log_samples'],
    ],
    {
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        ...{ HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: join(folder, 'hf'), DO_NOT_TRACK: '1' },
        OPENAI_API_KEY: 'none',
      },
    },
  );
  return performance.now() - started;
}
