import { Failure } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, TestDatabase } from './jobs.fixture.js';
import { aborted, effecting, latch, Passing, Refused, TestJobs, type TrainInput } from './worker.fixture.js';
import type { Work } from './work.js';

describe('an attempt tells how it ended', () => {
  let database: TestDatabase;
  let jobs: TestJobs;
  const told: string[] = [];
  beforeAll(async () => {
    database = await TestDatabase.create();
    jobs = new TestJobs(await database.open());
  });
  afterEach(async () => {
    await jobs.end();
    told.length = 0;
  });
  afterAll(() => database.drop());

  const working = (work: Work<TrainInput>) =>
    jobs.worker(work, {
      onEnded: ({ runId }, outcome, seconds) => told.push(`${runId} ${outcome}${seconds > 0 ? '' : ' in no time'}`),
    });
  const heard = (...outcomes: string[]) => eventually(() => expect(told).toEqual(outcomes));

  it('when it failed, and is tried again or not', async () => {
    working(async ({ runId, attempt }) => {
      throw runId === 'bad' || attempt === 2 ? new Refused('bad row') : new Passing('not yet');
    });
    await jobs.add('bad');
    await heard('bad failed');
    await jobs.add('run-1');
    await heard('bad failed', 'run-1 retried', 'run-1 failed');
  });

  it('when something was away, and when it was done', async () => {
    let away = true;
    working(async (job, context) => {
      if (away) {
        away = false;
        throw new Failure('STORE_UNAVAILABLE', 'Away.', { remedy: 'Wait.' });
      }
      return effecting()(job, context);
    });
    await jobs.add('run-1');
    await heard('run-1 outage', 'run-1 succeeded');
  });

  it('when its run was cancelled, whether the work looked or not', async () => {
    const gate = latch();
    const worker = working((job, context) =>
      job.runId === 'blind' ? effecting(gate.opened)(job, context) : aborted(context.signal),
    );
    await jobs.add('run-1');
    await eventually(() => expect(worker.active()).toBe(1));
    await jobs.cancel('run-1');
    await heard('run-1 cancelled');
    await jobs.add('blind');
    await eventually(() => expect(worker.active()).toBe(1));
    await jobs.cancel('blind');
    gate.open();
    await heard('run-1 cancelled', 'blind cancelled');
  });

  it('when another worker has its job', async () => {
    const gate = latch();
    const worker = working(effecting(gate.opened));
    await jobs.add('run-1');
    await eventually(() => expect(worker.active()).toBe(1));
    await jobs.dataSource.query(`UPDATE job SET lease_token = lease_token + 1`);
    gate.open();
    await heard('run-1 lease_lost');
  });

  it('when it was stopped before its end', async () => {
    const worker = working((_, { signal }) => aborted(signal));
    await jobs.add('run-1');
    await eventually(() => expect(worker.active()).toBe(1));
    await worker.stop({ graceMs: 50 });
    expect(told).toEqual(['run-1 given_back']);
  });
});
