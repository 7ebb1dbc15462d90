import { expect, it } from 'vitest';
import { lmEvalCommand, lmEvalProcessEnv } from './lm-eval-command.js';

const engine = { python: '/engine/bin/python' };
const common = { task: 'arc_easy', batch: 8, output: '/runs/out', cache: '/runs/answers' };

it('runs a task on a folder with Transformers, and logs every item', () => {
  const model = { folder: '/models/a,b', device: 'cpu' as const };
  expect(lmEvalCommand(engine, { ...common, model, shots: 3, limit: 10, include: '/tasks' })).toEqual({
    command: '/engine/bin/python',
    args: [
      ...['-m', 'lm_eval', 'run', '--model=hf', '--model_args={"pretrained":"/models/a,b","dtype":"auto"}'],
      ...['--tasks=arc_easy', '--device=cpu', '--batch_size=8', '--num_fewshot=3', '--limit=10'],
      ...['--include_path=/tasks', '--output_path=/runs/out', '--log_samples', '--use_cache=/runs/answers'],
    ],
  });
});

it('runs a task on a server, as many requests at once as it may', () => {
  const { args } = lmEvalCommand(engine, { ...common, model: { url: 'http://h/v1/', name: 'm' } });
  const given = args.find((arg) => arg.startsWith('--model_args='))?.slice('--model_args='.length) ?? '';
  expect(JSON.parse(given)).toMatchObject({ model: 'm', base_url: 'http://h/v1/completions', num_concurrent: 8 });
  expect(args).not.toContain('--num_fewshot');
});

it('finds its packages before those of the engine, and reaches the Hub only when it may', () => {
  const offline = lmEvalProcessEnv(engine, { home: '/h', packages: '/lm-eval', online: false });
  expect(offline).toMatchObject({ HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: '/h/huggingface' });
  expect(offline['PYTHONPATH']?.endsWith(':/lm-eval')).toBe(true);
  const online = lmEvalProcessEnv(engine, { home: '/h', packages: '/lm-eval', online: true });
  expect(online).not.toHaveProperty('HF_HUB_OFFLINE');
});
