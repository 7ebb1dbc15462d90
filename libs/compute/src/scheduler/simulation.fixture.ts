import { schedule } from './schedule.js';
import type { Decision, HoldingJob, Host, HostsState, WaitingJob } from './scheduler-types.js';

export interface SimulatedJob {
  readonly id: string;
  readonly project: string;
  readonly gpus: number;
  readonly hosts?: readonly string[];
  readonly priority: number;
  readonly arrivesAt: number;
  readonly durationMs: number;
  /** At least its duration. */
  readonly mostMs?: number;
}

export interface Simulated extends SimulatedJob {
  readonly startedAt: number;
  readonly host: string;
  readonly indices: readonly number[];
  readonly inTurn: boolean;
}

/** A host with so many GPUs. */
export function hostOf(gpus: number, name = 'one'): Host {
  return { name, gpus: Array.from({ length: gpus }, (_, index) => index) };
}

/** Runs hosts through all arrivals and ends, as fast as it decides. */
export function simulate(
  hosts: readonly Host[],
  jobs: readonly SimulatedJob[],
  onDecision: (state: HostsState, decision: Decision) => void = () => undefined,
): Simulated[] {
  const servedAt = new Map<string, number>();
  const coming = jobs.toSorted((a, b) => a.arrivesAt - b.arrivesAt);
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const waiting = new Map<string, WaitingJob>();
  const holding = new Map<string, HoldingJob & { readonly trueEnd: number }>();
  const done: Simulated[] = [];
  let arrived = 0;
  for (;;) {
    const ends = [...holding.values()].map(({ trueEnd }) => trueEnd);
    const now = Math.min(coming[arrived]?.arrivesAt ?? Infinity, ...ends);
    if (now === Infinity) return done;
    for (const [id, { trueEnd }] of holding) if (trueEnd <= now) holding.delete(id);
    for (; (coming[arrived]?.arrivesAt ?? Infinity) <= now; arrived += 1) {
      const job = coming[arrived];
      if (job) waiting.set(job.id, { ...job, since: job.arrivesAt });
    }
    const state = { hosts, holding: [...holding.values()], waiting: [...waiting.values()], servedAt, now };
    const decision = schedule(state);
    onDecision({ ...state, servedAt: new Map(servedAt) }, decision);
    for (const { id, host, indices, inTurn } of decision.starts) {
      const job = byId.get(id);
      if (!job) throw new Error(`${id} was never asked for`);
      const { project, durationMs, mostMs } = job;
      waiting.delete(id);
      const endsAt = mostMs === undefined ? undefined : now + mostMs;
      holding.set(id, { id, project, host, indices, endsAt, trueEnd: now + durationMs });
      if (inTurn) servedAt.set(project, now);
      done.push({ ...job, startedAt: now, host, indices, inTurn });
    }
    for (const { id, position, reservedOn } of decision.queue) {
      const job = waiting.get(id);
      if (!job) continue;
      const reservedSince = job.reservedSince ?? (position === 1 ? now : undefined);
      waiting.set(id, { ...job, reservedSince, reservedOn: reservedOn ?? job.reservedOn });
    }
  }
}

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
