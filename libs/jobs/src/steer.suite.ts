import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, TestDatabase } from './jobs.fixture.js';
import type { StopSignal, Work } from './work.js';
import { aborted, effecting, latch, Refused, TestJobs, type TrainInput } from './worker.fixture.js';

describe('the course of a run', () => {
  let database: TestDatabase;
  let jobs: TestJobs;
  beforeAll(async () => {
    database = await TestDatabase.create();
    jobs = new TestJobs(await database.open());
  });
  afterEach(() => jobs.end());
  afterAll(() => database.drop());

  const state = async (runId: string) => (await jobs.row(runId)).state;
  const untilAborted =
    (reasons: unknown[]) =>
    async (_: unknown, { signal }: { signal: StopSignal }) =>
      aborted(signal).finally(() => reasons.push(signal.reason));

  it('is the newest word, in whatever order they arrive', async () => {
    await jobs.add('run-1');
    expect(await jobs.steer('run-1', 'going', 2)).toBe(true);
    expect(await jobs.steer('run-1', 'failed', 1)).toBe(false);
    expect(await jobs.steer('run-1', 'going', 2)).toBe(false);
    expect(await state('run-1')).toBe('ready');
    expect(await jobs.steer('run-1', 'cancelled', 3)).toBe(true);
    expect(await jobs.steer('run-1', 'paused', 2)).toBe(false);
    expect(await state('run-1')).toBe('cancelled');
  });

  it('of one run is not that of another', async () => {
    await jobs.add('run-1');
    await jobs.add('run-2');
    await jobs.steer('run-1', 'cancelled', 1);
    expect(await state('run-2')).toBe('ready');
  });

  describe('paused', () => {
    it('keeps jobs from being claimed, those added later, too, and resumed lets them go at once', async () => {
      const work = vi.fn(effecting());
      await jobs.add('run-1');
      await jobs.steer('run-1', 'paused', 1);
      jobs.worker(work);
      expect(await jobs.add('run-1', { kind: 'later' })).toBe(true);
      await jobs.add('run-2');
      await eventually(async () => expect(await state('run-2')).toBe('succeeded'));
      await delay(300);
      expect(work).toHaveBeenCalledTimes(1);
      await jobs.steer('run-1', 'going', 2);
      await eventually(async () => expect(await jobs.effects()).toEqual(['1', '1']));
    });

    it('tells running work within a second and gives its job back without counting the attempt', async () => {
      const reasons: unknown[] = [];
      const said: unknown[] = [];
      const worker = jobs.worker(untilAborted(reasons), {
        pollMs: 60_000,
        onPaused: async (tx, { runId, id, token }) => {
          said.push(runId);
          await tx.query('INSERT INTO effect VALUES ($1, $2)', [id, token]);
        },
      });
      await delay(200);
      await jobs.add('run-1', { maxAttempts: 1 });
      await eventually(() => expect(worker.active()).toBe(1));
      const from = performance.now();
      await jobs.steer('run-1', 'paused', 1);
      await eventually(() => expect(worker.active()).toBe(0));
      expect(performance.now() - from).toBeLessThan(1_000);
      expect(reasons).toEqual(['paused']);
      expect(said).toEqual(['run-1']);
      expect(await jobs.effects()).toEqual(['1']);
      expect(await jobs.row('run-1')).toMatchObject({
        state: 'ready',
        attempt: 0,
        lease_owner: null,
        lease_token: '1',
      });
      expect(await jobs.failures()).toEqual([]);
    });

    it('and resumed runs the job again, woken and not by looking', async () => {
      const reasons: unknown[] = [];
      const first = jobs.worker(untilAborted(reasons), { pollMs: 60_000 });
      await delay(200);
      await jobs.add('run-1');
      await eventually(() => expect(first.active()).toBe(1));
      await jobs.steer('run-1', 'paused', 1);
      await eventually(async () => expect(await state('run-1')).toBe('ready'));
      await first.stop({ graceMs: 0 });
      jobs.worker(effecting(), { pollMs: 60_000 });
      await delay(300);
      expect(await state('run-1')).toBe('ready');
      await jobs.steer('run-1', 'going', 2);
      await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
      expect(await jobs.row('run-1')).toMatchObject({ state: 'succeeded', attempt: 1 });
    });

    it('loses to work that is done first', async () => {
      const gate = latch();
      const onPaused = vi.fn(async () => undefined);
      const worker = jobs.worker(effecting(gate.opened), { onPaused });
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await jobs.steer('run-1', 'paused', 1);
      gate.open();
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      expect(onPaused).not.toHaveBeenCalled();
    });

    it('and then cancelled ends the work without giving it back', async () => {
      const gate = latch();
      const onPaused = vi.fn(async () => undefined);
      const worker = jobs.worker(
        async (_, { signal }) =>
          aborted(signal).catch((error: unknown) =>
            gate.opened.then(() => {
              throw error;
            }),
          ),
        { onPaused },
      );
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await jobs.steer('run-1', 'paused', 1);
      await jobs.steer('run-1', 'cancelled', 2);
      gate.open();
      await eventually(() => expect(worker.active()).toBe(0));
      expect(await state('run-1')).toBe('cancelled');
      expect(onPaused).not.toHaveBeenCalled();
    });

    it('claims a job whose worker fell silent, only to stop what it left running', async () => {
      await jobs.add('run-1');
      await jobs.dataSource.query(
        `UPDATE job SET state = 'running', attempt = 1, lease_token = 1, lease_until = now() - interval '1 second'`,
      );
      await jobs.steer('run-1', 'paused', 1);
      const seen: unknown[] = [];
      jobs.worker(async (job, { signal }) => {
        seen.push([job.attempt, signal.aborted, signal.reason]);
        throw new Error('stopped');
      });
      await eventually(async () => expect(await state('run-1')).toBe('ready'));
      expect(seen).toEqual([[2, true, 'paused']]);
      expect(await jobs.row('run-1')).toMatchObject({ attempt: 1, lease_token: '2' });
    });

    it('is noticed however claim and pause fall together', async () => {
      const reasons: unknown[] = [];
      const worker = jobs.worker(untilAborted(reasons), { concurrency: 8, pollMs: 60_000 });
      await delay(200);
      for (let n = 0; n < 30; n += 1) {
        await jobs.add(`race-${n}`);
        await delay(n % 7);
        await jobs.steer(`race-${n}`, 'paused', 1);
      }
      // A job that was just claimed is not yet counted among those that are worked on.
      await eventually(async () => {
        expect(worker.active()).toBe(0);
        expect(
          await jobs.dataSource.query<unknown[]>(`SELECT FROM job WHERE state = 'ready' AND attempt = 0`),
        ).toHaveLength(30);
      });
      expect(new Set(reasons)).toEqual(new Set(['paused']));
    });
  });

  describe('retried', () => {
    it('makes failed and cancelled jobs ready with all their attempts, and leaves what succeeded', async () => {
      let refuse = true;
      const work = vi.fn<Work<TrainInput>>(async (job, context) => {
        if (refuse) throw new Refused('bad row');
        return effecting()(job, context);
      });
      jobs.worker(work);
      jobs.worker(effecting(), { kind: 'early' });
      await jobs.add('run-1', { kind: 'early' });
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      await jobs.add('run-1');
      await eventually(async () => expect(await states('run-1')).toEqual(['early succeeded', 'train failed']));
      await jobs.steer('run-1', 'failed', 1);
      // The word that the run failed overtook the event that leads to this one.
      expect(await jobs.add('run-1', { kind: 'late' })).toBe(false);
      expect(await states('run-1')).toEqual(['early succeeded', 'late cancelled', 'train failed']);
      refuse = false;
      await jobs.steer('run-1', 'going', 2);
      await eventually(async () =>
        expect(await states('run-1')).toEqual(['early succeeded', 'late ready', 'train succeeded']),
      );
      const rows = await jobs.dataSource.query<unknown>('SELECT attempt, failure FROM job ORDER BY kind');
      expect(rows).toEqual([1, 0, 1].map((attempt) => ({ attempt, failure: null })));
      expect(work).toHaveBeenCalledTimes(2);
    });

    it('does not hand a job to a worker that still ends its last attempt', async () => {
      const gate = latch();
      let began = 0;
      const worker = jobs.worker(async (job, context) => {
        began += 1;
        if (began === 1) await gate.opened;
        return effecting()(job, context);
      });
      await jobs.add('run-1');
      await eventually(() => expect(began).toBe(1));
      await jobs.steer('run-1', 'failed', 1);
      await jobs.steer('run-1', 'going', 2);
      await delay(300);
      expect(began).toBe(1);
      gate.open();
      await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
      expect(worker.active()).toBe(0);
    });
  });

  async function states(runId: string): Promise<string[]> {
    const rows = await jobs.dataSource.query<{ kind: string; state: string }[]>(
      'SELECT kind, state FROM job WHERE run_id = $1 ORDER BY kind',
      [runId],
    );
    return rows.map((row) => `${row.kind} ${row.state}`);
  }
});
