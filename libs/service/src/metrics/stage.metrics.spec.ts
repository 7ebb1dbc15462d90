import type { Progress } from '@anneal/contracts';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StageMetrics } from './stage.metrics.js';

let registry: Registry;
let stage: StageMetrics;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  registry = new Registry();
  stage = new StageMetrics(registry, { trains: true });
});
afterEach(() => vi.useRealTimers());

const word = (runId: string, more: Partial<Progress> = {}): Progress => ({
  runId,
  stage: 'trainer',
  at: '2026-01-01T00:00:00.000Z',
  attempt: 1,
  phase: 'training',
  ...more,
});
const steps = (done: number, total = 10): Partial<Progress> => ({ done, total, unit: 'steps' });

/** The samples that are shown, by name and labels. */
async function shown(): Promise<Record<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('anneal_'));
  return Object.fromEntries(
    lines.map((line) => {
      const [name = '', value = ''] = line.split(' ');
      return [name, Number(value)] as const;
    }),
  );
}

it('shows nothing of runs when none is at work', async () => {
  expect(await shown()).toEqual({ anneal_stage_runs: 0 });
});

it('shows how the running ones do, and forgets each with its end', async () => {
  stage.heard(word('a', { ...steps(2), loss: 2, tokensPerSecond: 100, secondsLeft: 60 }));
  stage.heard(word('b', { ...steps(5), loss: 4, tokensPerSecond: 50, secondsLeft: 30 }));
  expect(await shown()).toMatchObject({
    anneal_stage_runs: 2,
    anneal_stage_progress_ratio: 0.2,
    anneal_stage_seconds_left: 60,
    anneal_training_tokens_per_second: 150,
    anneal_training_loss: 3,
  });
  stage.ended('a');
  expect(await shown()).toMatchObject({ anneal_stage_runs: 1, anneal_training_loss: 4 });
  stage.ended('b');
  expect(await shown()).toEqual({ anneal_stage_runs: 0, 'anneal_stage_done_total{unit="steps"}': 0 });
});

it('counts what is done from the first word on, by phase, and nothing twice', async () => {
  stage.heard(word('a', steps(500, 1000)));
  stage.heard(word('a', steps(503, 1000)));
  stage.heard(word('a', { phase: 'uploading', done: 7, total: 9, unit: 'bytes' }));
  stage.heard(word('a', { phase: 'uploading', done: 9, total: 9, unit: 'bytes' }));
  stage.heard(word('a', steps(504, 1000)));
  // A training that went back to its last checkpoint.
  stage.heard(word('a', steps(502, 1000)));
  expect(await shown()).toMatchObject({
    'anneal_stage_done_total{unit="steps"}': 4,
    'anneal_stage_done_total{unit="bytes"}': 2,
  });
});

it('tells how long nothing new was said, and takes a repeated word for nothing new', async () => {
  stage.heard(word('a', steps(1)));
  vi.advanceTimersByTime(20_000);
  stage.heard(word('a', steps(1)));
  vi.advanceTimersByTime(20_000);
  expect(await shown()).toMatchObject({ anneal_stage_silent_seconds: 40 });
  stage.heard(word('a', steps(2)));
  expect(await shown()).toMatchObject({ anneal_stage_silent_seconds: 0 });
});

it('takes a run that only says a phase for none that is silent', async () => {
  stage.heard(word('a', { phase: 'waiting for the device' }));
  vi.advanceTimersByTime(3_600_000);
  expect(await shown()).toEqual({ anneal_stage_runs: 1 });
});

it('has no run at work while its failed attempt waits for another try', async () => {
  stage.heard(word('a', steps(1)));
  const failure = { code: 'KILLED', message: 'It was killed.', remedy: 'Look.', retryable: true } as const;
  const retry = { maxAttempts: 3, nextTryAt: '2026-01-01T00:00:00.000Z', failure };
  stage.heard(word('a', { phase: 'waiting to try again', retry }));
  expect(await shown()).toMatchObject({ anneal_stage_runs: 0 });
});
