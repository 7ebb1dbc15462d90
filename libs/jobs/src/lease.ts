import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import type { DataSource, EntityManager } from 'typeorm';
import { transaction } from './database.js';
import { isCancelled, isPaused, renew } from './job-rows.js';
import type { Log } from './log.js';
import { databaseUnavailable } from './postgres-errors.js';
import type { ClaimedJob, StopReason, StopSignal } from './work.js';

export interface LeaseOptions {
  readonly dataSource: DataSource;
  readonly job: ClaimedJob<unknown>;
  readonly leaseSeconds: number;
  /** performance.now() from before the claim was sent. */
  readonly claimedAt: number;
  readonly log: Log;
}

/**
 * A worker's hold on a job: renewed three times per lease, and given up by the worker's own clock when the database
 * could not be asked for a whole lease, since then another worker may hold the job.
 */
export class Lease {
  private readonly controller = new AbortController();
  private readonly leaseMs: number;
  private beatTimer: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;
  private beatAgain = false;
  private ended = false;

  constructor(private readonly options: LeaseOptions) {
    this.leaseMs = options.leaseSeconds * 1000;
    this.renewedAt(options.claimedAt);
    this.beatTimer = setTimeout(() => void this.check(), this.leaseMs / 3);
  }

  get signal(): StopSignal {
    return this.controller.signal;
  }

  /** Aborts the work. When it is to go on later, the lease is kept until the work has ended. */
  abort(reason: StopReason): void {
    if (this.ended) return;
    this.controller.abort(reason);
    if (reason !== 'stopping' && reason !== 'paused') this.end();
  }

  /** Renews no more. */
  end(): void {
    this.ended = true;
    clearTimeout(this.beatTimer);
    clearTimeout(this.deadline);
  }

  /** Renews now; aborts the work when the job is another's or cancelled, or its run is paused. */
  check(): Promise<void> {
    // The renewal that is under way may have looked before what is to be seen was committed.
    if (this.beating) this.beatAgain = true;
    this.beating ??= this.beat().finally(() => {
      this.beating = undefined;
      if (this.beatAgain) void this.check();
    });
    return this.beating;
  }

  /** A transaction that is refused when the token is stale. It renews the lease on its way. */
  async commit(body: (tx: EntityManager) => Promise<void>): Promise<void> {
    const { dataSource, job, leaseSeconds } = this.options;
    if (this.ended) throw leaseLost(job);
    let held = true;
    const sentAt = performance.now();
    try {
      await transaction(dataSource, async (tx) => {
        held = await renew(tx, job, leaseSeconds);
        if (!held) throw leaseLost(job);
        await body(tx);
      });
    } catch (error) {
      if (!held) await this.lose();
      throw error;
    }
    this.renewedAt(sentAt);
  }

  private async beat(): Promise<void> {
    const { dataSource, job, leaseSeconds, log } = this.options;
    clearTimeout(this.beatTimer);
    this.beatAgain = false;
    if (this.ended) return;
    const sentAt = performance.now();
    let nextMs = this.leaseMs / 3;
    try {
      // A question that was lost on its way is not waited for: there is time to ask again, by another connection.
      const held = await answeredWithin(this.leaseMs / 6, renew(dataSource, job, leaseSeconds));
      if (held) this.renewedAt(sentAt);
      else await this.lose();
      if (held && (await answeredWithin(this.leaseMs / 6, isPaused(dataSource, job)))) this.abort('paused');
    } catch (error) {
      log.warn({ err: error, jobId: job.id, runId: job.runId }, 'a lease could not be renewed; it is tried again');
      nextMs = Math.min(nextMs, 1_000);
    }
    if (!this.ended) this.beatTimer = setTimeout(() => void this.check(), nextMs);
  }

  private renewedAt(sentAt: number): void {
    clearTimeout(this.deadline);
    if (this.ended) return;
    // Counted from before the statement was sent, so that this clock is never later than the database's.
    this.deadline = setTimeout(() => this.abort('lease-lost'), Math.max(0, sentAt + this.leaseMs - performance.now()));
  }

  private async lose(): Promise<void> {
    if (this.ended) return;
    const cancelled = await isCancelled(this.options.dataSource, this.options.job).catch(() => false);
    this.abort(cancelled ? 'cancelled' : 'lease-lost');
  }
}

async function answeredWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  const late = new AbortController();
  const silence = delay(ms, undefined, { signal: late.signal }).then(() => {
    throw databaseUnavailable(new Error(`it did not answer within ${ms / 1000} s`));
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    late.abort();
    silence.catch(() => undefined);
  }
}

function leaseLost(job: ClaimedJob<unknown>): Failure {
  return new Failure('LEASE_LOST', `Job ${job.id} of run ${job.runId} no longer belongs to this worker.`, {
    remedy: 'Nothing: the run was cancelled, or another worker goes on with the job.',
  });
}
