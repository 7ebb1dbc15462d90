import type { DeviceUse, HostsView, QueuedJob } from '@anneal/contracts';
import { duration } from './durations.js';
import { table } from './table.js';

/** Hosts with their devices, and the queue. */
export function hostLines({ hosts, queue }: HostsView, now: Date): string[] {
  if (hosts.length === 0) return ['No host was heard of for half a minute: is a trainer running?'];
  const devices = hosts.flatMap(({ name, gpus, cpu }) => [
    ...gpus.map((gpu) => [name, `GPU ${gpu.index}`, gpu.name, gigabytes(gpu.memoryMiB), ...useCells(gpu.use, now)]),
    [name, 'CPU', '', '', ...useCells(cpu.use, now)],
  ]);
  const heading = ['host', 'device', 'name', 'memory', 'used by', 'project', 'since', 'free in about'];
  const lines = [table(heading, devices)];
  if (queue.length === 0) return [...lines, '', 'Nobody waits.'];
  const waiting = queue.map((job) => [
    ...[String(job.position), job.device === 'cpu' ? 'CPU' : `${job.wanted} GPU`, ownerOf(job), job.project],
    ...[String(job.priority), ago(job.since, now), job.startsAt === undefined ? 'unknown' : until(job.startsAt, now)],
    job.reservedOn ?? '',
  ]);
  const columns = ['place', 'waits for', 'who', 'project', 'priority', 'since', 'starts in about', 'kept free on'];
  return [...lines, '', table(columns, waiting)];
}

function useCells(use: DeviceUse | undefined, now: Date): string[] {
  if (use === undefined) return ['', '', '', ''];
  return [
    ...[ownerOf(use), use.project, ago(use.since, now)],
    use.expectedEnd === undefined ? '' : until(use.expectedEnd, now),
  ];
}

const ownerOf = ({ runId, stage }: Pick<DeviceUse | QueuedJob, 'runId' | 'stage'>): string =>
  runId === undefined ? stage : `${stage} of ${runId}`;
const gigabytes = (mebibytes: number): string => `${((mebibytes * 1024 ** 2) / 1e9).toFixed(0)} GB`;
const seconds = (from: number, to: number): number => Math.max(0, (to - from) / 1000);
const ago = (time: string, now: Date): string => duration(seconds(Date.parse(time), now.getTime()));
const until = (time: string, now: Date): string => duration(seconds(now.getTime(), Date.parse(time)));
