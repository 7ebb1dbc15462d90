import { setTimeout as pause } from 'node:timers/promises';
import type { Progress, StageName } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { sampleEvents, sampleSpec } from '@anneal/testing';
import { openedRun, type RunRecord } from '../runs/run.record.js';
import { datasetPrepared, stageFailed } from '../runs/run-state.js';
import { RunFeed } from './run.feed.js';
import { runUpdates, type Following } from './run-updates.js';

const at = '2026-01-01T00:00:00.000Z';
const opened = openedRun(sampleSpec('r1'), at);
const prepared: RunRecord = { ...datasetPrepared(opened, at, sampleEvents('r1').prepared.dataset).run, version: 2 };
const failed: RunRecord = { ...stageFailed(prepared, at, sampleEvents('r1').failed).run, version: 3 };
const progress = (done: number, stage: StageName = 'trainer'): Progress => ({
  ...{ runId: 'r1', stage, at, attempt: 1, phase: 'training', done },
});

function setUp(options: Partial<Following> = {}) {
  const feed = new RunFeed();
  const stopping = new AbortController();
  const row = { now: opened, reads: 0 };
  const updates = runUpdates({
    read: async () => {
      row.reads += 1;
      return row.now;
    },
    listen: (listener) => feed.listen('r1', listener),
    signal: stopping.signal,
    ...options,
  });
  const become = (run: RunRecord) => {
    row.now = run;
    feed.changed('r1');
  };
  /** The next update: a version, or a stage and how far it is. */
  const next = async (): Promise<string | undefined> => {
    const told = await updates.next();
    if (told.done) return undefined;
    const { value } = told;
    return 'run' in value ? `run ${value.run.version}` : `${value.progress.stage} ${value.progress.done}`;
  };
  return { feed, stopping, row, become, next };
}

describe('following a run', () => {
  it('tells the run first, then changes and progress, and ends with the final state', async () => {
    const { feed, become, next } = setUp();
    expect(await next()).toBe('run 1');
    const coming = next();
    feed.progress(progress(1));
    expect(await coming).toBe('trainer 1');
    become(prepared);
    expect(await next()).toBe('run 2');
    become(failed);
    expect([await next(), await next()]).toEqual(['run 3', undefined]);
  });

  it('keeps the newest state and the newest progress of each stage for a reader that is busy', async () => {
    const { feed, become, next } = setUp();
    expect(await next()).toBe('run 1');
    for (let done = 1; done <= 1000; done += 1) {
      feed.progress(progress(done));
      feed.progress(progress(-done, 'evaluator'));
    }
    become(prepared);
    expect([await next(), await next(), await next()]).toEqual(['run 2', 'trainer 1000', 'evaluator -1000']);
  });

  it('does not read the row for progress', async () => {
    const { feed, row, next } = setUp();
    await next();
    for (let done = 1; done <= 10; done += 1) {
      feed.progress(progress(done));
      await next();
    }
    expect(row.reads).toBe(1);
  });

  it('finds a change that nobody hinted at', async () => {
    const { row, next } = setUp({ recheckMs: 5 });
    await next();
    row.now = prepared;
    expect(await next()).toBe('run 2');
  });

  it('ends with its signal, and listens no more', async () => {
    const { stopping, feed, row, become, next } = setUp({ recheckMs: 5 });
    await next();
    const coming = next();
    stopping.abort();
    expect(await coming).toBeUndefined();
    const { reads } = row;
    become(failed);
    feed.progress(progress(1));
    await pause(20);
    expect(row.reads).toBe(reads);
  });
});
