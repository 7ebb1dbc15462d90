import type { ArtifactRef, Failure, StageName } from '@anneal/contracts';
import type { Tracer } from '@anneal/tracing';
import type { DataSource, EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { Log } from './log.js';
import type { Outbox } from './outbox.js';
import type { Backoff } from './retry-delay.js';
import type { AttemptOutcome, ClaimedJob, Work } from './work.js';

/** SQL over a row of `job`, in which `$5` is the value. */
export interface JobChoice {
  /** Jobs that are left to others. */
  readonly not: string;
  /** Jobs that come before all others. */
  readonly first: string;
  readonly value: string;
}

export interface JobWorkerOptions<Input> {
  readonly dataSource: DataSource;
  readonly outbox: Outbox;
  readonly stage: StageName;
  readonly kind: string;
  /** Reads the stored input; a job whose input does not parse fails for good. */
  readonly input: z.ZodType<Input>;
  readonly work: Work<Input>;
  /** The one place where foreign errors become failures with a code. */
  readonly toFailure: (error: unknown) => Failure;
  /** Which jobs this worker takes, and which of them first; any, the oldest first, when left out. */
  readonly choice?: JobChoice;
  /** Jobs at once; 1 when left out. */
  readonly concurrency?: number;
  /** A worker that is silent for this long loses its job; 30 when left out. */
  readonly leaseSeconds?: number;
  /** How long work may take to end once it is told to, before the process goes without it; 5 when left out. */
  readonly endSeconds?: number;
  /** How often the table is looked at when nothing is announced; 1000 when left out. */
  readonly pollMs?: number;
  readonly backoff?: Backoff;
  /** Whether a job that fails for good says StageFailed; true when left out. */
  readonly reportFailure?: boolean;
  /** Stores what is to be looked at after a job that fails for good; it may fail itself. */
  readonly leaves?: (job: ClaimedJob<unknown>) => Promise<readonly ArtifactRef[]>;
  /** Runs in the transaction that marks a job failed for good. */
  readonly onFailed?: (tx: EntityManager, job: ClaimedJob<unknown>, failure: Failure) => Promise<void>;
  /** Runs in the transaction that gives a job back because its run was paused. */
  readonly onPaused?: (tx: EntityManager, job: ClaimedJob<unknown>) => Promise<void>;
  /** Tells that an attempt begins. */
  readonly onBegin?: (job: ClaimedJob<unknown>) => void;
  /** Tells that a failed attempt is tried again, and when. */
  readonly onRetry?: (job: ClaimedJob<unknown>, failure: Failure, nextTryAt: Date) => void;
  /** Tells how an attempt ended and how long it took in this process; called once for each, and may not throw. */
  readonly onEnded?: (job: ClaimedJob<unknown>, outcome: AttemptOutcome, seconds: number) => void;
  /** Records each claim and what came of it; nothing when left out. */
  readonly tracer?: Tracer;
  readonly log?: Log;
}
