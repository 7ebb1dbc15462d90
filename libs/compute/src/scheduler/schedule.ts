import { forecast } from './forecast.js';
import { HostGpus } from './host-gpus.js';
import type { Decision, HostsState, QueuePlace, Start, WaitingJob } from './scheduler-types.js';
import { inTurn } from './turns.js';

/**
 * Decides which waiting jobs start now, on which GPUs of which host. Jobs start in their turn; for the first one that
 * does not fit, GPUs are kept free on one host, and those behind it start only where that cannot delay it. The next one
 * that does not fit has GPUs kept free on another host, if it may run there. One that fits on no host is passed over.
 */
export function schedule(state: HostsState): Decision {
  const { hosts, now } = state;
  const places = new Map(hosts.map((host) => [host.name, new HostGpus(host, state.holding, now)]));
  const suitable = (job: WaitingJob): HostGpus[] =>
    (job.hosts ?? [...places.keys()]).flatMap((name) => {
      const place = places.get(name);
      return place && place.size >= job.gpus ? [place] : [];
    });
  const waiting = state.waiting.filter((job) => suitable(job).length > 0);
  const starts: Start[] = [];
  const left: (WaitingJob & { reservedOn: string | undefined })[] = [];
  for (const job of inTurn({ ...state, waiting })) {
    const candidates = suitable(job);
    const place = bestFit(candidates.filter((one) => one.takes(job)));
    if (place) {
      starts.push({ id: job.id, host: place.name, ...place.start(job) });
    } else {
      left.push({ ...job, reservedOn: reserveOnBest(job, candidates)?.name });
    }
  }
  const startsAt = forecast({ ...state, waiting }, starts, left);
  const queue = left.map(({ id, reservedOn }, index): QueuePlace => {
    const at = startsAt.get(id);
    return {
      ...{ id, position: index + 1 },
      ...(reservedOn === undefined ? {} : { reservedOn }),
      ...(at === undefined ? {} : { startsAt: at }),
    };
  });
  return { starts, queue };
}

/** The host with the fewest free GPUs, so that those with many stay open for large jobs; of equal ones the first. */
function bestFit(places: readonly HostGpus[]): HostGpus | undefined {
  return places.toSorted((a, b) => a.free - b.free)[0];
}

/**
 * Keeps GPUs free for a job on the host where it can start first, of those that keep none for another. It stays with the
 * host of the last time unless another one is known to be earlier: what it waits for must not move away from it.
 */
function reserveOnBest(job: WaitingJob, candidates: readonly HostGpus[]): HostGpus | undefined {
  const open = candidates.filter((place) => !place.isReserved);
  const at = (place: HostGpus): number => place.reservationFor(job).at ?? Infinity;
  const stays = (place: HostGpus): number => (place.name === job.reservedOn ? 0 : 1);
  const [best] = open.toSorted(
    (a, b) => compare(at(a), at(b)) || stays(a) - stays(b) || a.missing(job) - b.missing(job),
  );
  best?.reserve(job);
  return best;
}

/** Infinity equals itself here, which a difference would not say. */
const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);
