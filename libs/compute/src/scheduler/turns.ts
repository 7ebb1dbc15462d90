import type { HostsState, WaitingJob } from './scheduler-types.js';

/** An hour of waiting weighs as much as one step of priority: what has the lowest overtakes the highest within a day. */
export const ageingMs = 60 * 60 * 1000;

/** The first job of a project, since when the project waits for its turn, and what it has. */
interface Head {
  readonly job: WaitingJob;
  readonly line: Line;
  readonly since: number;
  readonly held: number;
}

interface Line {
  readonly project: string;
  /** By their own age. */
  readonly jobs: readonly WaitingJob[];
  next: number;
}

/**
 * The waiting jobs in the order in which they get their turn.
 *
 * Within a project: by priority, which rises as a job waits, then by age. Between projects: by the priority of their
 * first jobs, which rises as the _project_ waits for its turn; else one that sends many jobs would come before all that
 * send theirs later. Then comes whoever has GPUs kept free for it, then the project with the fewest GPUs, counting
 * those of jobs before this one, then the project that waited longest.
 */
export function inTurn({ holding, waiting, servedAt, now }: Omit<HostsState, 'hosts'>): WaitingJob[] {
  const held = new Map<string, number>();
  for (const { project, indices } of holding) held.set(project, (held.get(project) ?? 0) + indices.length);
  const served = new Map(servedAt);
  const lines = linesOf(waiting, now);
  const order: WaitingJob[] = [];
  for (;;) {
    let best: Head | undefined;
    for (const line of lines) {
      const job = line.jobs[line.next];
      if (job === undefined) continue;
      const head = { job, line, since: turnSince(job, served.get(line.project)), held: held.get(line.project) ?? 0 };
      if (best === undefined || compareHeads(head, best, now) < 0) best = head;
    }
    if (best === undefined) return order;
    const { job, line } = best;
    order.push(job);
    line.next += 1;
    held.set(line.project, best.held + job.gpus);
    served.set(line.project, now);
  }
}

function linesOf(waiting: readonly WaitingJob[], now: number): Line[] {
  const lines = new Map<string, WaitingJob[]>();
  for (const job of waiting) {
    const line = lines.get(job.project);
    if (line) line.push(job);
    else lines.set(job.project, [job]);
  }
  const compare = (a: WaitingJob, b: WaitingJob): number =>
    aged(b, b.since, now) - aged(a, a.since, now) || reservedFirst(a, b) || a.since - b.since || byId(a, b);
  return [...lines].map(([project, jobs]) => ({ project, jobs: jobs.toSorted(compare), next: 0 }));
}

/** A reservation counts from when it was made, whatever else of its project was started since: it always comes true. */
function turnSince({ since, reservedSince }: WaitingJob, served = -Infinity): number {
  return Math.max(since, Math.min(served, reservedSince ?? served));
}

function compareHeads(a: Head, b: Head, now: number): number {
  return (
    aged(b.job, b.since, now) - aged(a.job, a.since, now) ||
    reservedFirst(a.job, b.job) ||
    a.held - b.held ||
    a.since - b.since ||
    byId(a.job, b.job)
  );
}

const aged = ({ priority }: WaitingJob, since: number, now: number): number =>
  priority + Math.floor(Math.max(0, now - since) / ageingMs);
const reservedFirst = (a: WaitingJob, b: WaitingJob): number =>
  Number(b.reservedSince !== undefined) - Number(a.reservedSince !== undefined);
const byId = (a: WaitingJob, b: WaitingJob): number => (a.id < b.id ? -1 : 1);
