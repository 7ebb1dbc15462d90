import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, TestDatabase } from './jobs.fixture.js';
import type { WorkContext } from './work.js';
import { aborted, effecting, latch, nothing, Passing, Refused, TestJobs } from './worker.fixture.js';

describe('JobQueue and JobWorker', () => {
  let database: TestDatabase;
  let jobs: TestJobs;
  beforeAll(async () => {
    database = await TestDatabase.create();
    jobs = new TestJobs(await database.open());
  });
  afterEach(() => jobs.end());
  afterAll(() => database.drop());

  const state = async (runId: string) => (await jobs.row(runId)).state;

  describe('JobQueue', () => {
    it('takes one job of a kind per run', async () => {
      expect(await jobs.add('run-1')).toBe(true);
      expect(await jobs.add('run-1')).toBe(false);
      expect(await jobs.add('run-1', { kind: 'other' })).toBe(true);
      expect(await jobs.cancel('run-1')).toBe(true);
      expect(await jobs.cancel('run-1')).toBe(false);
    });

    it('refuses a job whose run was cancelled before, even at the same time', async () => {
      await jobs.cancel('run-1');
      expect(await jobs.add('run-1')).toBe(false);
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => Promise.all([jobs.add(`race-${n}`), jobs.cancel(`race-${n}`)])),
      );
      expect(await jobs.dataSource.query(`SELECT FROM job WHERE state <> 'cancelled'`)).toEqual([]);
    });
  });

  describe('claiming', () => {
    it('gives every job to one of several workers', async () => {
      const ran: string[] = [];
      for (let n = 0; n < 60; n += 1) await jobs.add(`run-${n}`, { input: { n } });
      for (let n = 0; n < 4; n += 1) {
        jobs.worker(
          async (job, context) => {
            ran.push(job.runId);
            await delay(5);
            return effecting()(job, context);
          },
          { concurrency: 3 },
        );
      }
      await eventually(async () => expect(await jobs.effects()).toHaveLength(60));
      expect(new Set(ran).size).toBe(60);
      expect(ran).toHaveLength(60);
    });

    it('works on no more jobs at once than it may, and wakes up for a new one', async () => {
      const gate = latch();
      const worker = jobs.worker(effecting(gate.opened), { concurrency: 2, pollMs: 60_000 });
      await delay(200);
      for (const run of ['a', 'b', 'c']) await jobs.add(run);
      await eventually(() => expect(worker.active()).toBe(2));
      await delay(100);
      expect(worker.active()).toBe(2);
      gate.open();
      await eventually(async () => expect(await jobs.effects()).toHaveLength(3));
    });

    it('hands the work its job', async () => {
      const seen = vi.fn();
      jobs.worker(async (job) => {
        seen(job);
        return nothing;
      });
      await jobs.add('run-1', {
        input: { n: 7, unknown: true },
        causationId: 'cause',
        maxAttempts: 2,
        project: 'acme',
      });
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      expect(seen).toHaveBeenCalledWith({
        id: expect.any(String) as string,
        startedAt: expect.any(String) as string,
        turn: 0,
        runId: 'run-1',
        kind: 'train',
        input: { n: 7 },
        attempt: 1,
        maxAttempts: 2,
        outages: 0,
        token: '1',
        causationId: 'cause',
        project: 'acme',
      });
      expect(await jobs.row('run-1')).toMatchObject({ lease_owner: null, failure: null, started: true });
    });
  });

  describe('failures', () => {
    it('come back after growing pauses, and the last one is said', async () => {
      const at: number[] = [];
      const retries: unknown[] = [];
      const work = async (): Promise<never> => {
        at.push(performance.now());
        throw new Passing(`try ${at.length}`);
      };
      jobs.worker(work, {
        onRetry: ({ attempt }, { message }, next) => retries.push([attempt, message, next.getTime() > Date.now()]),
      });
      await jobs.add('run-1', { maxAttempts: 3 });
      await eventually(async () => expect(await state('run-1')).toBe('failed'));
      const [first = 0, second = 0, third = 0] = at;
      expect(second - first).toBeGreaterThanOrEqual(100);
      expect(third - second).toBeGreaterThanOrEqual(200);
      expect(retries).toEqual([
        [1, 'try 1', true],
        [2, 'try 2', true],
      ]);
      expect(await jobs.failures()).toMatchObject([
        { runId: 'run-1', stage: 'trainer', attempts: 3, failure: { code: 'INTERNAL', message: 'try 3' } },
      ]);
    });

    it('are told one by one, with the try that follows, and so is the attempt that ends well', async () => {
      const began: unknown[] = [];
      let tries = 0;
      jobs.worker(
        async (job, context) => {
          tries += 1;
          if (tries === 1) throw new Passing('not yet');
          return effecting()(job, context);
        },
        { onBegin: ({ attempt, token }) => began.push([attempt, token]) },
      );
      await jobs.add('run-1');
      await eventually(async () => expect(await jobs.effects()).toHaveLength(1));
      const [first, second] = await jobs.attempts();
      expect(first).toMatchObject({
        ...{ work: 'train', claim: 1, number: 1, state: 'failed' },
        failure: { code: 'INTERNAL', message: 'not yet' },
      });
      expect(second).toMatchObject({ work: 'train', claim: 2, number: 2, state: 'succeeded' });
      expect(second?.failure).toBeUndefined();
      const times = [first?.startedAt, first?.finishedAt, first?.nextTryAt, second?.finishedAt];
      expect(times).toEqual(times.toSorted());
      expect(began).toEqual([
        [1, '1'],
        [2, '2'],
      ]);
    });

    it('of a worker that fell silent are told by the one that takes over', async () => {
      await jobs.add('run-1');
      await jobs.dataSource.query(
        `UPDATE job SET state = 'running', attempt = 1, lease_token = 1, attempt_started_at = now() - interval '9 seconds',
                        lease_until = now() - interval '1 second'`,
      );
      jobs.worker(effecting());
      await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
      expect(await jobs.attempts()).toMatchObject([
        { claim: 1, number: 1, state: 'failed', failure: { code: 'LEASE_LOST' } },
        { claim: 2, number: 2, state: 'succeeded' },
      ]);
    });

    it('that are final are not tried again', async () => {
      const failed = vi.fn();
      jobs.worker(
        async () => {
          throw new Refused('bad row');
        },
        {
          onFailed: async (tx, job, failure) => {
            failed(failure.code);
            await tx.query('INSERT INTO effect VALUES ($1, $2)', [job.id, job.token]);
          },
        },
      );
      await jobs.add('run-1');
      await eventually(async () => expect(await state('run-1')).toBe('failed'));
      expect(await jobs.row('run-1')).toMatchObject({ attempt: 1, failure: { code: 'BAD_DATA' } });
      expect(await jobs.failures()).toMatchObject([{ attempts: 1, failure: { code: 'BAD_DATA' } }]);
      expect(failed.mock.calls).toEqual([['BAD_DATA']]);
      expect(await jobs.effects()).toEqual(['1']);
    });

    it('are not said when the worker is told so', async () => {
      jobs.worker(
        async () => {
          throw new Refused('bad row');
        },
        { reportFailure: false },
      );
      await jobs.add('run-1');
      await eventually(async () => expect(await state('run-1')).toBe('failed'));
      expect(await jobs.failures()).toEqual([]);
    });

    it('of the completion undo it and count as failures of the work', async () => {
      jobs.worker(async (job, context) => {
        const complete = await effecting()(job, context);
        return async (tx) => {
          await complete(tx);
          if (job.attempt === 1) throw new Passing('not yet');
        };
      });
      await jobs.add('run-1');
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      expect(await jobs.effects()).toEqual(['2']);
    });

    it('of what the work needs use up no attempt, however long it is away', async () => {
      let away = 3;
      jobs.worker(async (job, context) => {
        if ((away -= 1) >= 0) throw new Failure('STORE_UNAVAILABLE', 'Away.', { remedy: 'Wait.' });
        return effecting()(job, context);
      });
      await jobs.add('run-1', { maxAttempts: 2 });
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      expect(await jobs.row('run-1')).toMatchObject({ attempt: 1, outages: 3 });
      expect(await jobs.effects()).toEqual(['4']);
    });

    it('include an input that cannot be read, without running the work', async () => {
      const work = vi.fn(effecting());
      jobs.worker(work);
      await jobs.add('run-1', { input: { n: 'text' } });
      await eventually(async () => expect(await state('run-1')).toBe('failed'));
      expect(await jobs.failures()).toMatchObject([{ failure: { code: 'INTERNAL', retryable: false } }]);
      expect(await jobs.row('run-1')).toMatchObject({ failure: { code: 'INTERNAL' } });
      expect(work).not.toHaveBeenCalled();
    });
  });

  describe('cancelling', () => {
    it('aborts running work at once and writes nothing more', async () => {
      const reasons: unknown[] = [];
      const worker = jobs.worker(async (_, { signal }) => aborted(signal).finally(() => reasons.push(signal.reason)));
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await delay(100);
      await jobs.cancel('run-1');
      await eventually(() => expect(worker.active()).toBe(0));
      expect(reasons).toEqual(['cancelled']);
      expect(await jobs.row('run-1')).toMatchObject({ state: 'cancelled', attempt: 1, failure: null });
      expect(await jobs.failures()).toEqual([]);
    });

    it('drops the result of work that did not look', async () => {
      const gate = latch();
      const worker = jobs.worker(effecting(gate.opened));
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await jobs.cancel('run-1');
      gate.open();
      await eventually(() => expect(worker.active()).toBe(0));
      expect(await jobs.effects()).toEqual([]);
      expect(await state('run-1')).toBe('cancelled');
    });
  });

  describe('stopping', () => {
    it('lets work finish within the grace', async () => {
      const worker = jobs.worker(effecting(delay(300)));
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await worker.stop({ graceMs: 5000 });
      expect(await state('run-1')).toBe('succeeded');
    });

    it('gives the job back without counting the attempt, and another worker takes it', async () => {
      const reasons: unknown[] = [];
      const worker = jobs.worker(async (_, { signal }) => aborted(signal).finally(() => reasons.push(signal.reason)));
      await jobs.add('run-1', { maxAttempts: 1 });
      await eventually(() => expect(worker.active()).toBe(1));
      await worker.stop({ graceMs: 50 });
      expect(reasons).toEqual(['stopping']);
      expect(await jobs.row('run-1')).toMatchObject({
        state: 'ready',
        attempt: 0,
        lease_owner: null,
        lease_token: '1',
      });
      jobs.worker(effecting());
      await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
      expect(await jobs.failures()).toEqual([]);
    });

    it('waits for work that takes its time to end, if told so', async () => {
      const ends: string[] = [];
      const slow = async (_: unknown, { signal }: WorkContext): Promise<never> => {
        await aborted(signal).catch(() => undefined);
        await delay(300);
        ends.push('ended');
        throw new Error('stopped');
      };
      for (const endSeconds of [0, 5]) {
        const worker = jobs.worker(slow, { endSeconds });
        await jobs.add(`run-${endSeconds}`);
        await eventually(() => expect(worker.active()).toBe(1));
        await worker.stop({ graceMs: 0 });
        expect(ends).toHaveLength(endSeconds === 0 ? 0 : 2);
        await eventually(() => expect(worker.active()).toBe(0));
      }
    });

    it('claims nothing more', async () => {
      const worker = jobs.worker(effecting());
      await worker.stop({ graceMs: 0 });
      await jobs.add('run-1');
      await delay(300);
      expect(await state('run-1')).toBe('ready');
    });
  });
});
