/** A job that holds GPUs. All times are milliseconds since the epoch. */
export interface HoldingJob {
  readonly id: string;
  readonly project: string;
  readonly indices: readonly number[];
  /** When it ends at the latest, if it has to. */
  readonly endsAt?: number | undefined;
  /** When it will probably end; nothing but forecasts is based on it. */
  readonly expectedEnd?: number | undefined;
}

/** A job that waits for GPUs. */
export interface WaitingJob {
  readonly id: string;
  readonly project: string;
  readonly gpus: number;
  /** The higher, the sooner. */
  readonly priority: number;
  readonly since: number;
  /** Since when GPUs are kept free for it; undefined for one that was never first in line. */
  readonly reservedSince?: number | undefined;
  /** How long it runs at most, if there is a limit. */
  readonly mostMs?: number | undefined;
}

export interface HostState {
  /** Indices of all GPUs of the host, in the order in which they are given out. */
  readonly gpus: readonly number[];
  readonly holding: readonly HoldingJob[];
  readonly waiting: readonly WaitingJob[];
  /** When a job of the project was last started in its turn. */
  readonly servedAt: ReadonlyMap<string, number>;
  readonly now: number;
}

export interface Start {
  readonly id: string;
  readonly indices: readonly number[];
  /** False for one that started ahead of its turn, on GPUs that nobody before it misses. */
  readonly inTurn: boolean;
}

export interface QueuePlace {
  readonly id: string;
  /** Counted from 1. */
  readonly position: number;
  /** When it will probably start; undefined when that depends on a job whose end nobody knows. */
  readonly startsAt?: number;
}

export interface Decision {
  readonly starts: readonly Start[];
  /** Those that still wait, in their order. GPUs are kept free for the first one. */
  readonly queue: readonly QueuePlace[];
}
