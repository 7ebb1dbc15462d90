import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, Gate, TestDatabase } from './jobs.fixture.js';
import { aborted, effecting, latch, TestJobs } from './worker.fixture.js';

describe('leases', () => {
  let database: TestDatabase;
  let jobs: TestJobs;
  beforeAll(async () => {
    database = await TestDatabase.create();
    jobs = new TestJobs(await database.open());
  });
  afterEach(() => jobs.end());
  afterAll(() => database.drop());

  const state = async (runId: string) => (await jobs.row(runId)).state;

  /** A job as a worker leaves it that was killed in its `attempt`th attempt. */
  async function abandoned(runId: string, attempt: number, maxAttempts: number): Promise<void> {
    await jobs.add(runId, { maxAttempts, causationId: 'cause' });
    await jobs.dataSource.query(
      `UPDATE job SET state = 'running', attempt = $2::int, lease_token = $2::int, lease_owner = 'gone',
            lease_until = now() + interval '1 second' WHERE run_id = $1`,
      [runId, attempt],
    );
  }

  describe('a lease', () => {
    it('is renewed for as long as the work takes', async () => {
      const work = vi.fn(effecting(delay(2500)));
      for (let n = 0; n < 3; n += 1) jobs.worker(work, { leaseSeconds: 1 });
      await jobs.add('run-1');
      await eventually(async () => expect(await jobs.effects()).toEqual(['1']));
      expect(work).toHaveBeenCalledTimes(1);
    });

    it('that ran out lets another worker take over, not before', async () => {
      await abandoned('run-1', 1, 3);
      const work = vi.fn(effecting());
      jobs.worker(work);
      await delay(300);
      expect(work).not.toHaveBeenCalled();
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      expect(work.mock.calls[0]?.[0]).toMatchObject({ attempt: 2, token: '2' });
    });

    it('that ran out in the last attempt fails the job without running it', async () => {
      await abandoned('run-1', 3, 3);
      const work = vi.fn(effecting());
      for (let n = 0; n < 3; n += 1) jobs.worker(work);
      await eventually(async () => expect(await state('run-1')).toBe('failed'));
      expect(work).not.toHaveBeenCalled();
      expect(await jobs.row('run-1')).toMatchObject({ attempt: 3, failure: { code: 'ATTEMPTS_EXHAUSTED' } });
      expect(await jobs.failures()).toMatchObject([{ attempts: 3, failure: { code: 'ATTEMPTS_EXHAUSTED' } }]);
    });
  });

  describe('a worker that was taken over', () => {
    it('commits neither its result nor anything in between, and is told', async () => {
      const gate = latch();
      const errors: unknown[] = [];
      const reasons: unknown[] = [];
      const zombie = jobs.worker(async (job, { signal, commit }) => {
        await gate.opened;
        await commit(async (tx) => {
          await tx.query('INSERT INTO effect VALUES ($1, 1000)', [job.id]);
        }).catch((error: unknown) => errors.push(error));
        reasons.push(signal.reason);
        return effecting()(job, { signal, commit });
      });
      await jobs.add('run-1');
      await eventually(() => expect(zombie.active()).toBe(1));
      await jobs.expire('run-1');
      const second = latch();
      const heir = jobs.worker(effecting(second.opened));
      await eventually(() => expect(heir.active()).toBe(1));
      gate.open();
      await eventually(() => expect(zombie.active()).toBe(0));
      expect(errors).toMatchObject([{ code: 'LEASE_LOST' }]);
      expect(reasons).toEqual(['lease-lost']);
      expect(await jobs.effects()).toEqual([]);
      expect(await jobs.row('run-1')).toMatchObject({ state: 'running', lease_token: '2' });
      second.open();
      await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
    });

    it('changes nothing when it fails late', async () => {
      const gate = latch();
      const zombie = jobs.worker(async () => {
        await gate.opened;
        throw new Error('late');
      });
      await jobs.add('run-1');
      await eventually(() => expect(zombie.active()).toBe(1));
      await jobs.expire('run-1');
      jobs.worker(effecting());
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      gate.open();
      await eventually(() => expect(zombie.active()).toBe(0));
      expect(await state('run-1')).toBe('succeeded');
      expect(await jobs.failures()).toEqual([]);
    });

    it('is aborted by its next renewal', async () => {
      const reasons: unknown[] = [];
      const zombie = jobs.worker(async (_, { signal }) => aborted(signal).finally(() => reasons.push(signal.reason)), {
        leaseSeconds: 1,
        pollMs: 60_000,
      });
      await jobs.add('run-1');
      await eventually(() => expect(zombie.active()).toBe(1));
      await jobs.dataSource.query(`UPDATE job SET lease_token = lease_token + 1, lease_owner = 'other'`);
      await eventually(() => expect(reasons).toEqual(['lease-lost']));
      expect(await jobs.row('run-1')).toMatchObject({ state: 'running', lease_owner: 'other' });
    });
  });

  describe('commit', () => {
    it('is durable before the job ends, and undone as a whole', async () => {
      const gate = latch();
      const worker = jobs.worker(async (job, context) => {
        await context.commit(async (tx) => {
          await tx.query('INSERT INTO effect VALUES ($1, 1000)', [job.id]);
        });
        const undone = context.commit(async (tx) => {
          await tx.query('INSERT INTO effect VALUES ($1, 2000)', [job.id]);
          throw new Error('undo');
        });
        await expect(undone).rejects.toThrow('undo');
        expect(context.signal.aborted).toBe(false);
        return effecting(gate.opened)(job, context);
      });
      await jobs.add('run-1');
      await eventually(async () => expect(await jobs.effects()).toEqual(['1000']));
      expect(worker.active()).toBe(1);
      gate.open();
      await eventually(async () => expect(await jobs.effects()).toEqual(['1', '1000']));
    });
  });

  describe('without a database', () => {
    it("work is aborted when a lease has passed by the worker's own clock", async () => {
      const { gate, remote } = await gated();
      const reasons: unknown[] = [];
      let lostAfter = 0;
      const worker = jobs.worker(
        async (_, { signal }) => {
          const from = performance.now();
          return aborted(signal).finally(() => {
            lostAfter = performance.now() - from;
            reasons.push(signal.reason);
          });
        },
        { dataSource: remote, leaseSeconds: 1 },
      );
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      gate.shut();
      await eventually(() => expect(reasons).toEqual(['lease-lost']));
      expect(lostAfter).toBeLessThan(3000);
      expect(await state('run-1')).toBe('running');
      await worker.stop({ graceMs: 0 });
      await gate.close();
    });

    it('that swallowed a renewal, the lease is renewed by another connection', async () => {
      const { gate, remote } = await gated(5_000);
      const done = latch();
      const reasons: unknown[] = [];
      const worker = jobs.worker(
        async (job, context) => {
          await done.opened;
          reasons.push(context.signal.reason);
          return effecting()(job, context);
        },
        { dataSource: remote, leaseSeconds: 3, pollMs: 60_000 },
      );
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      gate.swallow();
      await delay(1_300);
      gate.reopen();
      await delay(3_000);
      done.open();
      await eventually(async () => expect(await jobs.effects()).toEqual(['1']));
      expect(reasons).toEqual([undefined]);
      await worker.stop({ graceMs: 0 });
      await gate.close();
    });

    it('a result waits for it, and counts when nobody took over', async () => {
      const { gate, remote } = await gated();
      const done = latch();
      const worker = jobs.worker(effecting(done.opened), { dataSource: remote, leaseSeconds: 1 });
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      gate.shut();
      done.open();
      await delay(1500);
      expect(worker.active()).toBe(1);
      gate.reopen();
      await eventually(async () => expect(await jobs.effects()).toEqual(['1']));
      expect(await state('run-1')).toBe('succeeded');
      await worker.stop({ graceMs: 0 });
      await gate.close();
    });

    it('a worker survives the death of its connections and goes on', async () => {
      const worker = jobs.worker(effecting(delay(800)), { leaseSeconds: 2 });
      await jobs.add('run-1');
      await eventually(() => expect(worker.active()).toBe(1));
      await database.killBackends('trainer');
      await eventually(async () => expect(await state('run-1')).toBe('succeeded'));
      await jobs.add('run-2');
      await eventually(async () => expect(await state('run-2')).toBe('succeeded'));
    });
  });

  async function gated(silenceMs?: number) {
    const gate = new Gate(new URL(database.adminUrl));
    return { gate, remote: await database.open('trainer', await gate.listen(), silenceMs) };
  }
});
