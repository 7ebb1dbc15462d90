import { TaskAsking, type LoadedBenchmark } from '@anneal/evaluation';
import { expect, it } from 'vitest';
import { HarnessTasks } from './harness.tasks.js';

const place = { form: 'server', url: 'http://127.0.0.1:9/v1', concurrency: 1 } as const;
const harness = { engine: { python: 'python' }, packages: '/packages', folders: [], data: '/data', threads: 1 };
const tasks = new HarnessTasks(new TaskAsking(harness, place, { workDir: '/work', leaseSeconds: 1 }));
const head = { task: 'arc_easy', lmEval: '0.4.13', isGroup: false, tasks: [], groups: [] };
const described = { asked: { task: 'arc_easy' }, head, items: [] };
const asked = (metric: string | undefined): LoadedBenchmark => ({
  ...{ label: 'lm-eval:arc_easy', items: [], answerTokens: 0, stop: [], score: () => 'wrong', settings: {} },
  task: { described, metric },
});

it('tells outcomes by one metric from those by another, and is silent about what lm-eval does not ask', async () => {
  const [usual, named] = [await tasks.settings(asked(undefined)), await tasks.settings(asked('acc_norm'))];
  expect(usual).toMatchObject({ settings: { form: 'server' }, versions: { 'lm-eval': '0.4.13' } });
  expect(named).toMatchObject({ settings: { metric: 'acc_norm' } });
  expect(usual?.settings).not.toEqual(named?.settings);
  const { task: _none, ...other } = asked(undefined);
  expect(await tasks.settings(other)).toBeUndefined();
});

it('says what to do where lm-eval is not installed', async () => {
  await expect(new HarnessTasks(null).settings(asked(undefined))).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
});
