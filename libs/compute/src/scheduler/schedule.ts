import { backfill, reserve, type Holding, type Reservation } from './reservation.js';
import type { Decision, HostState, QueuePlace, Start, WaitingJob } from './scheduler-types.js';
import { inTurn } from './turns.js';

/**
 * Decides which waiting jobs start now, on which GPUs. Jobs start in their turn; for the first one that does not fit, GPUs
 * are kept free, and those behind it start only where that cannot delay it. One that asks for more GPUs than there are
 * is passed over.
 */
export function schedule(state: HostState): Decision {
  const { gpus, holding, now } = state;
  const taken = new Set(holding.flatMap(({ indices }) => indices));
  const free = gpus.filter((index) => !taken.has(index));
  const holdings: Holding[] = holding.map(({ indices, endsAt }) => ({
    gpus: indices.length,
    // One that is past its limit is about to end.
    endsAt: endsAt === undefined ? undefined : Math.max(endsAt, now),
  }));
  const waiting = state.waiting.filter((job) => job.gpus <= gpus.length);
  const starts: Start[] = [];
  const left: WaitingJob[] = [];
  let reservation: Reservation | undefined;
  for (const job of inTurn({ ...state, waiting })) {
    const wanted = holdingOf(job, now);
    const fits = job.gpus <= free.length;
    const behind = fits && reservation ? backfill(reservation, wanted) : undefined;
    if (fits && (reservation === undefined || behind)) {
      starts.push({
        id: job.id,
        indices: free.splice(0, job.gpus).toSorted((a, b) => a - b),
        inTurn: reservation === undefined,
      });
      holdings.push(wanted);
    } else {
      left.push(job);
    }
    if (behind) reservation = behind;
    else if (!fits) reservation ??= reserve(job.gpus, free.length, holdings);
  }
  return { starts, queue: forecast(left, state, starts) };
}

/** Says when the waiting jobs will probably start: one after the other, each as soon as there are enough GPUs. */
function forecast(left: readonly WaitingJob[], state: HostState, starts: readonly Start[]): QueuePlace[] {
  const { gpus, holding, waiting, now } = state;
  const freeAt = new Map(gpus.map((index) => [index, now]));
  const hold = (indices: readonly number[], until = Infinity): void => {
    for (const index of indices) freeAt.set(index, Math.max(until, now));
  };
  for (const { indices, expectedEnd, endsAt } of holding) hold(indices, expectedEnd ?? endsAt);
  const started = new Map(starts.map(({ id, indices }) => [id, indices]));
  for (const job of waiting) hold(started.get(job.id) ?? [], holdingOf(job, now).endsAt);
  let open = true;
  return left.map((job, index) => {
    const place = { id: job.id, position: index + 1 };
    // Nothing is known of what comes behind one without a known start.
    if (!open) return place;
    const soonest = [...freeAt].sort(([, a], [, b]) => a - b).slice(0, job.gpus);
    const startsAt = soonest.at(-1)?.[1] ?? now;
    open = Number.isFinite(startsAt);
    if (!open) return place;
    hold(
      soonest.map(([gpu]) => gpu),
      holdingOf(job, startsAt).endsAt,
    );
    return { ...place, startsAt };
  });
}

const holdingOf = ({ gpus, mostMs }: WaitingJob, startsAt: number): Holding => ({
  gpus,
  endsAt: mostMs === undefined ? undefined : startsAt + mostMs,
});
