import { Failure, StageAttempted, StageFailed, type EndedAttempt, type StageName } from '@anneal/contracts';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { Outbox } from './outbox.js';
import type { JobKind } from './job-kinds.js';
import { JobQueue, type NewJob, type RunCourse } from './queue.js';
import type { Completion, Work } from './work.js';
import { JobWorker } from './worker.js';
import type { JobWorkerOptions } from './worker-options.js';

export const trainInput = z.object({ n: z.number() });
export type TrainInput = z.infer<typeof trainInput>;

export const nothing: Completion = async () => undefined;

export class Refused extends Error {}
export class Passing extends Error {}

/** Refused is for good; everything else may be tried again. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(error instanceof Refused ? 'BAD_DATA' : 'INTERNAL', message, { remedy: 'None.', cause: error });
}

/** Queue and workers of a test; {@link end} stops them and empties the tables. */
export class TestJobs {
  readonly queue: JobQueue;
  readonly outbox = new Outbox('trainer');
  private readonly workers: JobWorker<TrainInput>[] = [];

  constructor(
    readonly dataSource: DataSource,
    kinds: readonly JobKind[] = [],
  ) {
    this.queue = new JobQueue(kinds);
  }

  worker(work: Work<TrainInput>, options: Partial<JobWorkerOptions<TrainInput>> = {}): JobWorker<TrainInput> {
    const worker = new JobWorker<TrainInput>({
      dataSource: this.dataSource,
      outbox: this.outbox,
      stage: 'trainer',
      kind: 'train',
      input: trainInput,
      work,
      toFailure,
      leaseSeconds: 30,
      pollMs: 100,
      backoff: { firstMs: 200, factor: 2, maxMs: 2000 },
      ...options,
    });
    this.workers.push(worker);
    worker.start();
    return worker;
  }

  add(runId: string, job: Partial<NewJob> = {}): Promise<boolean> {
    return this.dataSource.transaction((tx) => this.queue.add(tx, { runId, kind: 'train', input: { n: 1 }, ...job }));
  }

  cancel(runId: string): Promise<boolean> {
    return this.steer(runId, 'cancelled', 1);
  }

  steer(runId: string, course: RunCourse, turn: number, from?: StageName): Promise<boolean> {
    return this.dataSource.transaction((tx) => this.queue.steer(tx, runId, { course, turn, from }));
  }

  /** The job of a run as a row. */
  async row(runId: string): Promise<JobRow> {
    const rows: unknown = await this.dataSource.query(
      `SELECT *, started_at IS NOT NULL AS started FROM job WHERE run_id = $1`,
      [runId],
    );
    return z.array(jobRow).length(1).parse(rows)[0] ?? never();
  }

  /** Lets the lease of a run's job run out, as if its worker had fallen silent. */
  async expire(runId: string): Promise<void> {
    await this.dataSource.query(`UPDATE job SET lease_until = now() - interval '1 second' WHERE run_id = $1`, [runId]);
  }

  /** What StageFailed events the outbox holds. */
  async failures(): Promise<StageFailure[]> {
    const rows: unknown = await this.dataSource.query(`SELECT payload FROM outbox WHERE subject = $1 ORDER BY seq`, [
      StageFailed.subject,
    ]);
    return z
      .array(z.object({ payload: z.string() }))
      .parse(rows)
      .map(({ payload }) => stageFailure.parse(JSON.parse(payload)));
  }

  /** What was said of attempts that ended. */
  async attempts(): Promise<EndedAttempt[]> {
    const rows: unknown = await this.dataSource.query(`SELECT payload FROM outbox WHERE subject = $1 ORDER BY seq`, [
      StageAttempted.subject,
    ]);
    return z
      .array(z.object({ payload: z.string() }))
      .parse(rows)
      .map(({ payload }) => StageAttempted.data.parse(JSON.parse(payload)).attempt);
  }

  /** Tokens under which completions of the tests came true. */
  async effects(): Promise<string[]> {
    const rows: unknown = await this.dataSource.query('SELECT token FROM effect ORDER BY token');
    return z
      .array(z.object({ token: z.string() }))
      .parse(rows)
      .map(({ token }) => token);
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop({ graceMs: 0 })));
    await this.dataSource.query('TRUNCATE job, outbox, effect, run_course');
  }
}

const jobRow = z.object({
  id: z.string(),
  state: z.string(),
  attempt: z.number(),
  outages: z.number(),
  lease_token: z.string(),
  lease_owner: z.string().nullable(),
  started: z.boolean(),
  run_at: z.date(),
  finished_at: z.date().nullable(),
  failure: z.object({ code: z.string() }).nullable(),
});
type JobRow = z.infer<typeof jobRow>;

const stageFailure = z.object({
  runId: z.string(),
  stage: z.string(),
  attempts: z.number(),
  failure: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
});
type StageFailure = z.infer<typeof stageFailure>;

function never(): never {
  throw new Error('there is one row');
}

/** A promise that the test settles. */
export function latch(): { readonly opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

/** Work that effects its token, once `until` is settled. */
export function effecting(until: Promise<void> = Promise.resolve()): Work<TrainInput> {
  return async (job) => {
    await until;
    return async (tx) => {
      await tx.query('INSERT INTO effect VALUES ($1, $2)', [job.id, job.token]);
    };
  };
}

/** Rejects with the reason when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(new Error(String(signal.reason)));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
