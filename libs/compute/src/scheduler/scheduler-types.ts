/** Where jobs can run: the devices of one machine. */
export interface Host {
  readonly name: string;
  /** Indices of all its GPUs, in the order in which they are given out. */
  readonly gpus: readonly number[];
}

/** A job that holds GPUs of one host. All times are milliseconds since the epoch. */
export interface HoldingJob {
  readonly id: string;
  readonly project: string;
  readonly host: string;
  readonly indices: readonly number[];
  /** When it ends at the latest, if it has to. */
  readonly endsAt?: number | undefined;
  /** When it will probably end; nothing but forecasts is based on it. */
  readonly expectedEnd?: number | undefined;
}

/** A job that waits for GPUs, all of them on one host. */
export interface WaitingJob {
  readonly id: string;
  readonly project: string;
  readonly gpus: number;
  /** Names of the hosts that it may run on, those it likes best first; every host when left out. */
  readonly hosts?: readonly string[] | undefined;
  /** The higher, the sooner. */
  readonly priority: number;
  readonly since: number;
  /** Since when GPUs are kept free for it; undefined for one that was never first in line. */
  readonly reservedSince?: number | undefined;
  /** The host on which GPUs were kept free for it the last time. */
  readonly reservedOn?: string | undefined;
  /** How long it runs at most, if there is a limit. */
  readonly mostMs?: number | undefined;
}

export interface HostsState {
  readonly hosts: readonly Host[];
  readonly holding: readonly HoldingJob[];
  readonly waiting: readonly WaitingJob[];
  /** When a job of the project was last started in its turn. */
  readonly servedAt: ReadonlyMap<string, number>;
  readonly now: number;
}

export interface Start {
  readonly id: string;
  readonly host: string;
  readonly indices: readonly number[];
  /** False for one that started ahead of its turn, on GPUs that nobody before it misses. */
  readonly inTurn: boolean;
}

export interface QueuePlace {
  readonly id: string;
  /** Counted from 1. */
  readonly position: number;
  /** The host on which GPUs are kept free for it, if there is one. */
  readonly reservedOn?: string;
  /** When it will probably start; undefined when that depends on a job whose end nobody knows. */
  readonly startsAt?: number;
}

export interface Decision {
  readonly starts: readonly Start[];
  /** Those that still wait, in their order. GPUs are kept free for the first one. */
  readonly queue: readonly QueuePlace[];
}
