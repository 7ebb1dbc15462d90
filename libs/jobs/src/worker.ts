import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { continuing } from '@anneal/tracing';
import { Attempt } from './attempt.js';
import { Bell } from './bell.js';
import { sayAttempt } from './attempt-word.js';
import { schemaOf, transaction, urlOf } from './database.js';
import { claim, type Claim } from './job-rows.js';
import { DatabaseListener } from './listener.js';
import { silentLog, type Log } from './log.js';
import type { JobWorkerOptions } from './worker-options.js';

/** Claims jobs of one kind and works on them. Any number of workers, in any number of processes, share the table. */
export class JobWorker<Input> {
  private readonly owner = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  private readonly log: Log;
  private readonly leaseSeconds: number;
  private readonly bell = new Bell();
  private readonly listener: DatabaseListener;
  private readonly attempts = new Map<string, { attempt: Attempt<Input>; done: Promise<void> }>();
  private readonly giveUp = new AbortController();
  private loop: Promise<void> | undefined;
  private stopping = false;
  /** How often something was said that may concern running work. */
  private words = 0;

  constructor(private readonly options: JobWorkerOptions<Input>) {
    this.log = options.log ?? silentLog;
    this.leaseSeconds = options.leaseSeconds ?? 30;
    const schema = schemaOf(options.dataSource);
    this.listener = new DatabaseListener({
      url: urlOf(options.dataSource),
      schema,
      channel: `anneal_job_${schema}`,
      onWord: (word) => {
        this.bell.ring();
        if (word === 'ready') return;
        this.words += 1;
        for (const { attempt } of this.attempts.values()) void attempt.check();
      },
      log: this.log,
    });
  }

  /** Starts claiming. A worker is started once; after a stop, make another one. */
  start(): void {
    if (this.loop) return;
    this.listener.start();
    this.loop = this.run();
  }

  /**
   * Claims no more, lets running work finish for `graceMs`, then aborts it with the reason 'stopping' and gives its jobs
   * back without counting the attempt.
   */
  async stop({ graceMs }: { graceMs: number }): Promise<void> {
    this.stopping = true;
    this.bell.ring();
    await this.ended(graceMs);
    for (const { attempt } of this.attempts.values()) attempt.abort('stopping');
    await this.ended((this.options.endSeconds ?? 5) * 1000);
    this.giveUp.abort();
    await this.listener.stop();
  }

  /** How many jobs it works on. */
  active(): number {
    return this.attempts.size;
  }

  private async run(): Promise<void> {
    const { concurrency = 1, pollMs = 1_000 } = this.options;
    while (!this.stopping) {
      const claimed = this.attempts.size < concurrency && (await this.claimOne());
      if (!claimed) await this.bell.wait(pollMs);
    }
  }

  private async claimOne(): Promise<boolean> {
    const { dataSource, kind, choice } = this.options;
    const claimedAt = performance.now();
    const { words } = this;
    try {
      const except = [...this.attempts.keys()];
      const { owner, leaseSeconds, options } = this;
      const next = await transaction(dataSource, async (tx) => {
        const found = await claim(tx, { kind, owner, leaseSeconds, except, choice });
        // Whoever takes over from a worker that fell silent says how its attempt ended: it cannot do so itself.
        const { silent, job, trace, lastTrace } = found ?? {};
        if (silent && job) await continuing(lastTrace ?? trace, () => sayAttempt(tx, options, job, silent));
        return found;
      });
      if (next) this.begin(next, claimedAt, words);
      return next !== undefined;
    } catch (error) {
      this.log.warn({ err: error, kind }, 'no job could be claimed; it is tried again');
      return false;
    }
  }

  private begin(next: Claim, claimedAt: number, words: number): void {
    const { leaseSeconds } = this;
    const giveUp = this.giveUp.signal;
    const attempt = new Attempt({ worker: this.options, claim: next, leaseSeconds, claimedAt, giveUp });
    const done = attempt.run().finally(() => {
      this.attempts.delete(next.job.id);
      this.bell.ring();
    });
    this.attempts.set(next.job.id, { attempt, done });
    // The claim was under way when the worker was told to stop, or when the run was cancelled or paused.
    if (this.stopping) attempt.abort('stopping');
    if (this.words !== words) void attempt.check();
  }

  /** Waits until the loop and all attempts have ended, for that long at most. */
  private async ended(withinMs: number): Promise<void> {
    const timer = new AbortController();
    // The loop comes first: a claim that is under way may add one more attempt.
    const all = Promise.resolve(this.loop).then(() => Promise.all([...this.attempts.values()].map(({ done }) => done)));
    const late = delay(withinMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([all, late]);
    timer.abort();
  }
}
