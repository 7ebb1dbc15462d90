import { join } from 'node:path';
import { DatasetPrepared, EvaluationCompleted, ModelMerged, StageFailed } from '@anneal/contracts';
import { CompletionsServer, installedLmEval, until, writeOwnTasks } from '@anneal/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestEvaluator, type TestRun } from './evaluator.fixture.js';

const installed = installedLmEval();
/** lm-eval takes its time to start, on a busy machine a minute. */
const patienceMs = 400_000;
const count = 6;

describe('tasks of lm-eval in a run', { timeout: 900_000 }, () => {
  let evaluator: TestEvaluator;
  let server: CompletionsServer;
  beforeAll(async () => {
    evaluator = await TestEvaluator.start();
    await evaluator.stopService();
    server = await CompletionsServer.start();
  }, 120_000);
  afterAll(async () => {
    await evaluator.stop();
    await server.stop();
  });
  beforeEach(({ skip }) => {
    if (typeof installed === 'string') skip(installed);
  });

  const environment = (): Record<string, string> => {
    const tasks = join(evaluator.folder, 'tasks');
    writeOwnTasks(tasks, count);
    const { python, packages } = typeof installed === 'string' ? { python: '', packages: '' } : installed;
    return {
      ...{ INFERENCE_URL: server.url, CONCURRENCY: '2', LEASE_SECONDS: '2', THREADS: '1' },
      ...{ ENGINE_PYTHON: python, LM_EVAL_PACKAGES: packages, LM_EVAL_TASKS: tasks, OFFLINE: 'true' },
    };
  };
  const evaluation = { benchmarks: [{ name: 'lm-eval' as const, task: 'own_sums' }] };
  const prepare = (id: string, run: TestRun): Promise<void> => evaluator.say(DatasetPrepared, run.prepared);
  const merge = (id: string, run: TestRun): Promise<void> => evaluator.say(ModelMerged, run.merged);
  const judged = (id: string) =>
    until('a word', () => evaluator.names(id).find((name) => /Completed|Failed/.test(name)), patienceMs);
  const askedOfBase = (id: string): string[] =>
    server.asked.filter(({ model }) => model.includes(`${id}-base`)).map(({ text }) => text);

  it('are asked by lm-eval, go on after kill -9, and are compared in pairs; a later run asks the base nothing', async () => {
    server.answerMs = 1_000;
    server.answer = ({ text, model }) =>
      model.includes('-base') ? 'none' : String(Number(/\d+/.exec(text)?.[0] ?? 0) + 1);
    const run = await evaluator.run('task', evaluation, {});
    const process = await evaluator.startProcess(environment());
    await prepare('task', run);
    await until('some questions', () => server.asked.length >= 2, patienceMs);
    process.kill('SIGKILL');
    await evaluator.startService(environment());
    await until('the answers of the base', () => server.asked.length >= count, patienceMs);
    server.answerMs = 0;
    await merge('task', run);
    await judged('task');
    const { evaluation: found } = await evaluator.word(EvaluationCompleted, 'task');
    expect(found).toMatchObject({
      verdict: 'improved',
      results: [{ benchmark: 'lm-eval:own_sums', items: count, base: { correct: 0, wrong: count }, gained: count }],
    });
    expect(found.results[0]?.base).not.toHaveProperty('truncated');
    expect(new Set(askedOfBase('task')).size).toBe(count);
    expect(askedOfBase('task')).toHaveLength(count);
    const report = await evaluator.report(found.report);
    expect(report.items[0]).toMatchObject({ id: '0', expected: '2', base: { answer: 'none' }, tuned: { answer: '2' } });
    expect(report.items[0]?.base).not.toHaveProperty('tokens');
    expect(JSON.stringify(report.settings)).toContain('"lm-eval":"0.4.13"');
    expect(evaluator.progress.some(({ runId, done }) => runId === 'task' && done === count)).toBe(true);

    const later = await evaluator.run('later', evaluation, { sameBaseAs: 'task' });
    await prepare('later', later);
    const isDone = () => evaluator.progress.some(({ runId, done }) => runId === 'later' && done === count);
    await until('the base of the later run', isDone, patienceMs);
    expect(await evaluator.count(`answer WHERE subject = 'base' AND outcome = 'wrong'`, 'later')).toBe(count);
    expect(askedOfBase('later')).toEqual([]);
  });

  it('fail before anything is asked where lm-eval is not installed', async () => {
    const { LM_EVAL_PACKAGES: _none, ...rest } = environment();
    await evaluator.stopService();
    await evaluator.startService(rest);
    const run = await evaluator.run('bare', evaluation, {});
    await prepare('bare', run);
    expect((await evaluator.word(StageFailed, 'bare')).failure).toMatchObject({
      code: 'ENGINE_MISSING',
      field: 'evaluation.benchmarks.0',
    });
  });
});
