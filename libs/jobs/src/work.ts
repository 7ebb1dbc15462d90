import type { EntityManager } from 'typeorm';

/** Why work has to stop: its run is over or waits, another worker may own the job, or the service is going down. */
export type StopReason = 'cancelled' | 'paused' | 'lease-lost' | 'stopping';

/**
 * How an attempt ended: the job is done; it failed for good; it is tried again after a failure, or after something that
 * was away is back; it was given back uncounted; its run is over; another worker has the job, or nobody knows.
 */
export const attemptOutcomes = [
  'succeeded',
  'failed',
  'retried',
  'outage',
  'given_back',
  'cancelled',
  'lease_lost',
] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/**
 * What work throws that cannot be done here, and is to be done elsewhere: the job is ready again, and the attempt does
 * not count.
 */
export class GiveBack extends Error {
  override readonly name = 'GiveBack';
}

/** An AbortSignal that says why; `reason` is undefined until it is aborted. */
export interface StopSignal extends AbortSignal {
  readonly reason: StopReason | undefined;
}

/** A job as a worker owns it for one attempt. */
export interface ClaimedJob<Input> {
  readonly id: string;
  readonly runId: string;
  readonly kind: string;
  readonly input: Input;
  /** Counted from 1; the attempt that runs now is included. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** How often an attempt ended because something was away that it needs; such attempts are not counted. */
  readonly outages: number;
  /** When the attempt began, RFC 3339, by the clock of the database. */
  readonly startedAt: string;
  /** Fencing token: rises with every claim, so that what an earlier owner left behind can be told apart. */
  readonly token: string;
  /** The retry of the run that began this work anew, by its turn; 0 the first time through. */
  readonly turn: number;
  /** Of the run. */
  readonly project: string;
  /** Id of the event that led to the job. */
  readonly causationId: string | undefined;
}

/**
 * What becomes true when the job is done. It runs in the transaction that marks the job succeeded, and runs again when
 * the database fails in between: it may change nothing but the database.
 */
export type Completion = (tx: EntityManager) => Promise<void>;

export interface WorkContext {
  readonly signal: StopSignal;
  /**
   * A transaction in the middle of the work, refused when the job is no longer this worker's.
   *
   * @throws Failure LEASE_LOST when the token is stale or the job was cancelled
   */
  readonly commit: (change: (tx: EntityManager) => Promise<void>) => Promise<void>;
}

/** The work itself. It looks at `context.signal` and ends soon after it is aborted. */
export type Work<Input> = (job: ClaimedJob<Input>, context: WorkContext) => Promise<Completion>;
