import { setTimeout as delay } from 'node:timers/promises';
import { Failure, StageFailed, type ArtifactRef, type EndedAttempt } from '@anneal/contracts';
import type { EntityManager } from 'typeorm';
import { AttemptTrace } from './attempt-trace.js';
import { sayAttempt } from './attempt-word.js';
import { transaction } from './database.js';
import { fail, giveBack, rememberTrace, retryLater, succeed, waitForEnd, type Claim } from './job-rows.js';
import { Lease } from './lease.js';
import { silentLog } from './log.js';
import { retryDelayMs } from './retry-delay.js';
import { GiveBack, type AttemptOutcome, type ClaimedJob, type StopReason } from './work.js';
import type { JobWorkerOptions } from './worker-options.js';

/** With the longest pause between two of them, this is more than a night and a day. */
const mostOutages = 1_000;
/** How long the database is waited for between two tries of writing down how an attempt ended. */
const settleBackoff = { firstMs: 200, factor: 2, maxMs: 5_000 };

export interface AttemptOptions<Input> {
  readonly worker: JobWorkerOptions<Input>;
  readonly claim: Claim;
  readonly leaseSeconds: number;
  /** performance.now() from before the claim was sent. */
  readonly claimedAt: number;
  /** Aborted when the process can no longer wait for the database. */
  readonly giveUp: AbortSignal;
}

/** One try of a job, from the claim to the row that says how it ended. */
export class Attempt<Input> {
  private readonly job: ClaimedJob<unknown>;
  private readonly lease: Lease;
  private readonly trace: AttemptTrace;
  private readonly log;
  /** What was written down of its end. */
  private written: AttemptOutcome | undefined;

  constructor(private readonly options: AttemptOptions<Input>) {
    const { worker, claim, leaseSeconds, claimedAt } = options;
    this.job = claim.job;
    this.log = worker.log ?? silentLog;
    this.trace = new AttemptTrace(worker.stage, claim, worker.tracer);
    this.lease = new Lease({ dataSource: worker.dataSource, job: this.job, leaseSeconds, claimedAt, log: this.log });
  }

  /** Never rejects: what cannot be written down is logged, and the lease runs out. */
  async run(): Promise<void> {
    try {
      await this.trace.run(() => this.work());
    } catch (error) {
      this.log.error({ err: error, ...this.fields() }, 'the end of an attempt could not be written down');
    } finally {
      this.lease.end();
      const { worker, claimedAt } = this.options;
      const otherwise = this.lease.signal.reason === 'cancelled' ? 'cancelled' : 'lease_lost';
      this.trace.end(this.written ?? otherwise);
      worker.onEnded?.(this.job, this.written ?? otherwise, (performance.now() - claimedAt) / 1000);
    }
  }

  abort(reason: StopReason): void {
    this.lease.abort(reason);
  }

  /** Asks the database whether the job is still this worker's. */
  async check(): Promise<void> {
    await this.lease.check();
  }

  private async work(): Promise<void> {
    const { worker, claim } = this.options;
    // The caller may abort in the same tick; an attempt that never began is given back. That of a paused run begins all
    // the same, already aborted: only the work knows how to stop what an earlier attempt left running.
    await Promise.resolve();
    if (claim.exhausted) return this.failForGood(exhausted(this.job));
    if (this.lease.signal.reason === 'stopping') return this.returnJob();
    const input = worker.input.safeParse(this.job.input);
    if (!input.success) return this.failForGood(unreadableInput(this.job, input.error.message));
    if (claim.paused) this.lease.abort('paused');
    else worker.onBegin?.(this.job);
    await this.rememberTrace();
    try {
      const completion = await worker.work(
        { ...this.job, input: input.data },
        { signal: this.lease.signal, commit: (change) => this.lease.commit(change) },
      );
      await this.settle('succeeded', async (tx) => {
        if (!(await succeed(tx, this.job))) return false;
        // Before what the work says: whoever follows the run until its end has heard of every attempt by then.
        await this.say(tx, { state: 'succeeded' });
        await completion(tx);
        return true;
      });
    } catch (error) {
      await this.afterError(error);
    }
  }

  private async afterError(error: unknown): Promise<void> {
    const { reason } = this.lease.signal;
    if (this.isToGoOnLater() || (reason === undefined && error instanceof GiveBack)) return this.returnJob();
    if (reason !== undefined) {
      this.log.info({ reason, ...this.fields() }, 'an attempt was dropped');
      return;
    }
    const failure = this.toFailure(error);
    this.trace.failed(failure);
    const waits = failure.isOutage && this.job.outages < mostOutages;
    if (!waits && (!failure.retryable || this.job.attempt >= this.job.maxAttempts)) return this.failForGood(failure);
    const pauseMs = retryDelayMs(waits ? this.job.outages + 1 : this.job.attempt, this.options.worker.backoff);
    const putOff = waits ? waitForEnd : retryLater;
    const outcome = waits ? 'outage' : 'retried';
    this.log.warn(
      { err: failure, code: failure.code, pauseMs, ...this.fields() },
      'an attempt failed; it is tried again',
    );
    const nextTryAt = new Date(Date.now() + pauseMs);
    const detail = failure.toDetail();
    const held = await this.settle(outcome, async (tx) => {
      if (!(await putOff(tx, this.job, detail, pauseMs))) return false;
      await this.say(tx, { state: 'failed', failure: detail, nextTryAt: nextTryAt.toISOString() });
      return true;
    });
    if (held) this.options.worker.onRetry?.(this.job, failure, nextTryAt);
  }

  private async rememberTrace(): Promise<void> {
    const { carrier } = this.trace;
    if (Object.keys(carrier).length === 0) return;
    const { dataSource } = this.options.worker;
    // A link between two attempts is worth no attempt.
    await rememberTrace(dataSource, this.job, carrier).catch((error: unknown) =>
      this.log.warn({ err: error, ...this.fields() }, 'the trace of an attempt could not be remembered'),
    );
  }

  private isToGoOnLater(): boolean {
    const { reason } = this.lease.signal;
    return reason === 'stopping' || reason === 'paused';
  }

  /** The attempt does not count. */
  private async returnJob(): Promise<void> {
    const { onPaused } = this.options.worker;
    await this.settle('given_back', async (tx) => {
      if (!(await giveBack(tx, this.job))) return false;
      if (this.lease.signal.reason === 'paused') await onPaused?.(tx, this.job);
      return true;
    });
  }

  private async failForGood(failure: Failure): Promise<void> {
    const { outbox, stage, reportFailure = true, onFailed } = this.options.worker;
    const { runId, attempt, causationId, turn, project } = this.job;
    this.trace.failed(failure);
    this.log.error({ err: failure, code: failure.code, ...this.fields() }, 'a job failed for good');
    const artifacts = reportFailure ? await this.leftBehind() : [];
    await this.settle('failed', async (tx) => {
      if (!(await fail(tx, this.job, failure.toDetail()))) return false;
      // The last attempt of one that fell silent was told of with the claim.
      if (!this.options.claim.exhausted) await this.say(tx, { state: 'failed', failure: failure.toDetail() });
      if (reportFailure) {
        const said = { runId, stage, attempts: attempt, failure: failure.toDetail() };
        const data = artifacts.length === 0 ? said : { ...said, artifacts: [...artifacts] };
        await outbox.add(tx, StageFailed, data, { runId, causationId, turn, project });
      }
      await onFailed?.(tx, this.job, failure);
      return true;
    });
  }

  private async leftBehind(): Promise<readonly ArtifactRef[]> {
    try {
      return (await this.options.worker.leaves?.(this.job)) ?? [];
    } catch (error) {
      this.log.warn({ err: error, ...this.fields() }, 'what a failed job leaves could not be stored');
      return [];
    }
  }

  /**
   * Writes down how the attempt ended. It outlasts a database that is away, even beyond the lease: hours of work are not
   * thrown away for it, and the token in `change` decides whether the result still counts.
   *
   * @returns whether it did
   */
  private async settle(outcome: AttemptOutcome, change: (tx: EntityManager) => Promise<boolean>): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        const held = await transaction(this.options.worker.dataSource, change);
        if (held) this.written = outcome;
        if (held) this.log.info({ outcome, ...this.fields() }, 'an attempt ended');
        else this.log.warn({ outcome, ...this.fields() }, 'an attempt ended, but the job was no longer its own');
        // Work that does not look at its signal ends before anybody has asked whose the job is now.
        if (!held) await this.lease.check();
        return held;
      } catch (error) {
        const away = error instanceof Failure && error.code === 'DATABASE_UNAVAILABLE';
        if (!away || this.options.giveUp.aborted) throw error;
        this.log.warn({ err: error, outcome, ...this.fields() }, 'the database is away; an attempt waits to end');
        await delay(retryDelayMs(tries, settleBackoff), undefined, { signal: this.options.giveUp }).catch(
          () => undefined,
        );
      }
    }
  }

  private async say(tx: EntityManager, end: Pick<EndedAttempt, 'state' | 'failure' | 'nextTryAt'>): Promise<void> {
    const { kind, token, attempt, startedAt } = this.job;
    // The clock of the database says when it began, and this one's how long it took.
    const tookMs = Math.round(performance.now() - this.options.claimedAt);
    const finishedAt = new Date(Date.parse(startedAt) + tookMs).toISOString();
    const { options } = this;
    await sayAttempt(tx, options.worker, this.job, {
      ...{ work: kind, claim: Number(token), number: attempt, startedAt, finishedAt },
      ...end,
    });
  }

  private toFailure(error: unknown): Failure {
    try {
      return this.options.worker.toFailure(error);
    } catch (cause) {
      return new Failure('INTERNAL', 'An error of the work has no failure that it maps to.', {
        remedy: 'Report it with the log of the service; the run is tried again by itself.',
        cause,
      });
    }
  }

  private fields(): Record<string, unknown> {
    const { id, runId, kind, attempt } = this.job;
    return { jobId: id, runId, kind, attempt };
  }
}

function exhausted({ kind, attempt, maxAttempts }: ClaimedJob<unknown>): Failure {
  return new Failure(
    'ATTEMPTS_EXHAUSTED',
    `The process that did ${kind} fell silent in attempt ${attempt} of ${maxAttempts}.`,
    { remedy: 'Look in the log of the service and of its host for what ended it, often a lack of memory.' },
  );
}

function unreadableInput({ kind }: ClaimedJob<unknown>, reason: string): Failure {
  return new Failure('INTERNAL', `The stored input of ${kind} cannot be read: ${reason}`, {
    remedy: 'Run the version of the service that wrote it, or request the run again.',
    retryable: false,
  });
}
