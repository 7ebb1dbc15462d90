import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findEngine } from '@anneal/engine/install';
import { findLmEval } from '@anneal/engine/install-lm-eval';

const start = promisify(execFile);

const taskName = 'mmlu_pro_math_local';

/** A Python that has lm-eval[api], and where else its packages lie. */
export interface LmEvalPython {
  readonly python: string;
  readonly packages?: string;
}

/** The environment that LM_EVAL names by its `lm_eval`, or else the one that the installers made; nothing where neither is. */
export function findLmEvalPython(named: string | undefined): LmEvalPython | undefined {
  if (named !== undefined) return { python: join(dirname(named), 'python') };
  const engine = findEngine();
  const harness = findLmEval();
  return engine && harness && { python: engine.python, packages: harness.packages };
}

/**
 * The same questions with lm-eval's own task for MMLU-Pro, over files that are here, and without a tokenizer.
 *
 * @returns milliseconds from start to end
 */
export async function timeLmEval(
  { python, packages }: LmEvalPython,
  { url, data, folder }: { url: string; data: string; folder: string },
): Promise<number> {
  const environment = { ...process.env, ...(packages === undefined ? {} : { PYTHONPATH: packages }) };
  const find = "import importlib.util as u; print(u.find_spec('lm_eval').origin)";
  const tasks = join(
    dirname((await start(python, ['-c', find], { env: environment })).stdout.trim()),
    'tasks',
    'mmlu_pro',
  );
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
    python,
    [
      ...[
        '-m',
        'lm_eval',
        'run',
        '--model',
        'local-completions',
        '--model_args',
        model,
        '--tasks',
        taskName,
        '--include_path',
        own,
      ],
      ...['--num_fewshot', '5', '--batch_size', '1', '--output_path', join(folder, 'out'), '--log_samples'],
    ],
    {
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...environment,
        ...{ HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: join(folder, 'hf'), DO_NOT_TRACK: '1' },
        OPENAI_API_KEY: 'none',
      },
    },
  );
  return performance.now() - started;
}
