import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { JobKind } from './job-kinds.js';
import { eventually, TestDatabase } from './jobs.fixture.js';
import { effecting, latch, TestJobs } from './worker.fixture.js';

/** The jobs of a stage that follows the dataset, and adds a second job of its own. */
const kinds = (forget: JobKind['forget']): JobKind[] => [
  { kind: 'train', stage: 'trainer', follows: 'dataset', forget },
  { kind: 'check', stage: 'trainer', follows: 'trainer' },
];

describe('a run that is retried from a stage', () => {
  const forgotten: string[] = [];
  let database: TestDatabase;
  let jobs: TestJobs;
  beforeAll(async () => {
    database = await TestDatabase.create();
    jobs = new TestJobs(
      await database.open(),
      kinds(async (_tx, runId) => void forgotten.push(runId)),
    );
  });
  afterEach(async () => {
    await jobs.end();
    forgotten.length = 0;
  });
  afterAll(() => database.drop());

  const rows = async (): Promise<string[]> => {
    const found = await jobs.dataSource.query<{ kind: string; state: string; turn: number }[]>(
      'SELECT kind, state, turn FROM job ORDER BY kind DESC',
    );
    return found.map(({ kind, state, turn }) => `${kind} ${state} ${turn}`);
  };
  const done = async (): Promise<void> => {
    await jobs.add('run-1');
    await jobs.add('run-1', { kind: 'check' });
    await jobs.dataSource.query(`UPDATE job SET state = 'succeeded', attempt = 1`);
  };
  const input = async (): Promise<unknown> => {
    const [row] = await jobs.dataSource.query<{ input: unknown }[]>(`SELECT input FROM job WHERE kind = 'train'`);
    return row?.input;
  };

  it('does its jobs of that stage again with their input, and those after them when they are added anew', async () => {
    await done();
    await jobs.steer('run-1', 'going', 3, 'trainer');
    expect(await rows()).toEqual(['train ready 3', 'check outdated 2']);
    expect(forgotten).toEqual(['run-1']);
    expect(await input()).toEqual({ n: 1 });
    expect(await jobs.add('run-1', { kind: 'check', turn: 0 })).toBe(false);
    expect(await jobs.add('run-1', { kind: 'check', turn: 3 })).toBe(true);
    expect(await rows()).toEqual(['train ready 3', 'check ready 3']);
  });

  it('waits for the input of an earlier stage that works again, and takes none from before', async () => {
    await done();
    await jobs.steer('run-1', 'going', 2, 'dataset');
    expect(await rows()).toEqual(['train outdated 1', 'check outdated 1']);
    expect(await jobs.add('run-1', { input: { n: 5 } })).toBe(false);
    // A later word that the run goes on wakes what failed, and nothing that waits for its input.
    await jobs.steer('run-1', 'failed', 3);
    await jobs.steer('run-1', 'going', 4);
    expect(await rows()).toEqual(['train outdated 1', 'check outdated 1']);
    expect(await jobs.add('run-1', { input: { n: 2 }, turn: 2 })).toBe(true);
    expect([await rows(), await input()]).toEqual([['train ready 2', 'check outdated 1'], { n: 2 }]);
  });

  it('takes no input from before the retry for a job that it never had', async () => {
    await jobs.steer('run-1', 'going', 2, 'dataset');
    expect(await jobs.add('run-1')).toBe(false);
    expect(await jobs.add('run-1', { turn: 2 })).toBe(true);
    expect(await rows()).toEqual(['train ready 2', 'check outdated 1']);
  });

  it('counts the late input of its own stage as that of the retry', async () => {
    await jobs.steer('run-1', 'going', 2, 'trainer');
    expect(await jobs.add('run-1')).toBe(true);
    expect(await rows()).toEqual(['train ready 2', 'check outdated 1']);
  });

  it('leaves jobs of earlier stages as they are', async () => {
    await done();
    await jobs.steer('run-1', 'going', 2, 'merger');
    expect(await rows()).toEqual(['train succeeded 0', 'check succeeded 0']);
    expect(forgotten).toEqual([]);
  });

  it('keeps what an event of the retry began that came before the word itself', async () => {
    await done();
    await jobs.steer('run-1', 'failed', 1);
    expect(await jobs.add('run-1', { input: { n: 2 }, turn: 2 })).toBe(false);
    await jobs.steer('run-1', 'going', 2, 'dataset');
    expect([await rows(), await input()]).toEqual([['train ready 2', 'check outdated 1'], { n: 2 }]);
    expect(forgotten).toEqual(['run-1']);
  });

  it('is over when the word that it failed again came first', async () => {
    await done();
    await jobs.steer('run-1', 'failed', 3);
    await jobs.steer('run-1', 'going', 2, 'trainer');
    expect(await rows()).toEqual(['train cancelled 2', 'check outdated 1']);
    await jobs.steer('run-1', 'going', 4);
    expect(await rows()).toEqual(['train ready 2', 'check outdated 1']);
  });

  it('drops what a worker brings that still works on the turn before', async () => {
    const gate = latch();
    const turns: number[] = [];
    jobs.worker(async (job, context) => {
      turns.push(job.turn);
      if (job.turn === 0) await gate.opened;
      return effecting()(job, context);
    });
    await jobs.add('run-1');
    await eventually(() => expect(turns).toEqual([0]));
    await jobs.steer('run-1', 'going', 1, 'trainer');
    gate.open();
    await eventually(async () => expect(await jobs.effects()).toEqual(['2']));
    expect(turns).toEqual([0, 1]);
    expect((await jobs.attempts()).map(({ claim }) => claim)).toEqual([2]);
  });
});
