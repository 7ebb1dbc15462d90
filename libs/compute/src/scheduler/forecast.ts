import { holdingOf } from './host-gpus.js';
import type { HostsState, Start, WaitingJob } from './scheduler-types.js';

/**
 * Says when the waiting jobs will probably start: one after the other, each as soon as a host has enough GPUs.
 *
 * @param left those that wait, in their order
 * @returns by their ids; nothing is known of what comes behind one without a known start
 */
export function forecast(
  { hosts, holding, waiting, now }: HostsState,
  starts: readonly Start[],
  left: readonly WaitingJob[],
): Map<string, number> {
  const freeAt = new Map(hosts.map(({ name, gpus }) => [name, new Map(gpus.map((index) => [index, now]))]));
  const hold = (host: string, indices: readonly number[], until = Infinity): void => {
    for (const index of indices) freeAt.get(host)?.set(index, Math.max(until, now));
  };
  for (const { host, indices, expectedEnd, endsAt } of holding) hold(host, indices, expectedEnd ?? endsAt);
  const byId = new Map(waiting.map((job) => [job.id, job]));
  for (const { id, host, indices } of starts) {
    const job = byId.get(id);
    if (job) hold(host, indices, holdingOf(job, now).endsAt);
  }
  const found = new Map<string, number>();
  for (const job of left) {
    const places = (job.hosts ?? [...freeAt.keys()]).flatMap((host) => {
      const soonest = [...(freeAt.get(host) ?? [])].sort(([, a], [, b]) => a - b).slice(0, job.gpus);
      const at = soonest.at(-1)?.[1];
      return at === undefined || soonest.length < job.gpus ? [] : [{ host, at, gpus: soonest.map(([gpu]) => gpu) }];
    });
    const [first] = places.toSorted((a, b) => (a.at === b.at ? 0 : a.at - b.at));
    if (!first || !Number.isFinite(first.at)) return found;
    hold(first.host, first.gpus, holdingOf(job, first.at).endsAt);
    found.set(job.id, first.at);
  }
  return found;
}
