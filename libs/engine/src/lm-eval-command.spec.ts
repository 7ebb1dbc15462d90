import { expect, it } from 'vitest';
import { askTaskCommand, describeTaskCommand, lmEvalProcessEnv } from './lm-eval-command.js';

const engine = { python: '/engine/bin/python' };
const task = { task: 'arc_easy', folders: ['/tasks', '/more'], shots: 3, limit: 10, seed: 7 };

it('describes a task, by its name and with the folders of own ones', () => {
  expect(describeTaskCommand(engine, task, '/out.jsonl')).toEqual({
    command: '/engine/bin/python',
    args: [
      ...['-m', 'anneal_engine.lm_eval_task', 'describe', '--task=arc_easy', '--tasks=/tasks', '--tasks=/more'],
      ...['--shots=3', '--limit=10', '--seed=7', '--output=/out.jsonl'],
    ],
  });
});

it('says how the questions are put', () => {
  const asked = { task: 'x', folders: [], chat: { multiturn: true }, system: '--be short' };
  expect(describeTaskCommand(engine, asked, '/out').args.slice(3)).toEqual([
    ...['--task=x', '--chat', '--system=--be short', '--output=/out'],
  ]);
  const inOneTurn = { task: 'x', folders: [], chat: { multiturn: false } };
  expect(describeTaskCommand(engine, inOneTurn, '/out').args).toContain('--one-turn');
});

it('asks a task of a model, whose folder is one word whatever its name', () => {
  const files = { cache: '/answers.db', progress: '/progress.jsonl', output: '/out.jsonl' };
  const model = { folder: '/models/a,b c', device: 'cpu' as const };
  const { args } = askTaskCommand(engine, { task: 'x', folders: [] }, { model, batch: 8, ...files });
  expect(args.slice(2)).toEqual([
    ...['ask', '--task=x', '--model={"folder":"/models/a,b c","device":"cpu"}', '--batch=8'],
    ...['--cache=/answers.db', '--progress=/progress.jsonl', '--output=/out.jsonl'],
  ]);
});

it('finds its packages behind those of the engine, and reaches the Hub only when it may', () => {
  const common = { home: '/h', packages: '/lm-eval', data: '/data' };
  const offline = lmEvalProcessEnv(engine, common);
  expect(offline).toMatchObject({ HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: '/data' });
  expect(offline).not.toHaveProperty('HF_TOKEN');
  expect(offline['PYTHONPATH']?.endsWith(':/lm-eval')).toBe(true);
  const online = lmEvalProcessEnv(engine, { ...common, hub: { token: 'hf_x' }, key: 'sk' });
  expect(online).toMatchObject({ HF_TOKEN: 'hf_x', OPENAI_API_KEY: 'sk' });
  expect(online).not.toHaveProperty('HF_DATASETS_OFFLINE');
});
