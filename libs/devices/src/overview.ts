import { schedule } from '@anneal/compute';
import type { DeviceUse, HostsView, QueuedJob } from '@anneal/contracts';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { DeviceKind } from './host.devices.js';
import { readState, type DeviceState, type RequestRow } from './request.rows.js';

/** Hosts, what holds each of their devices, and who waits; nothing is given out by looking. */
export async function deviceOverview(dataSource: DataSource): Promise<HostsView> {
  // Nobody has used a device yet.
  if (!(await isThere(dataSource))) return { hosts: [], queue: [] };
  const [cpu, gpu] = await Promise.all([readState(dataSource, 'cpu'), readState(dataSource, 'gpu')]);
  const hosts = gpu.hosts.map(({ name }) => {
    const here = gpu.hostRows.filter((row) => row.name === name);
    const gpus = new Map(here.flatMap((row) => row.gpus).map((one) => [one.index, one]));
    const cpuUse = useOf(cpu, name, 0);
    return {
      name,
      seenAt: new Date(Math.max(...here.map(({ seen }) => seen))).toISOString(),
      services: here.map(({ service }) => service),
      gpus: [...gpus.values()]
        .toSorted((a, b) => a.index - b.index)
        .map((one) => {
          const use = useOf(gpu, name, one.index);
          return { ...one, ...(use === undefined ? {} : { use }) };
        }),
      cpu: cpuUse === undefined ? {} : { use: cpuUse },
    };
  });
  return { hosts, queue: [...queueOf(gpu, 'gpu'), ...queueOf(cpu, 'cpu')] };
}

const found = z.tuple([z.object({ table: z.string().nullable() })]);

async function isThere(dataSource: DataSource): Promise<boolean> {
  const [{ table }] = found.parse(await dataSource.query(`SELECT to_regclass('devices.request')::text AS table`));
  return table !== null;
}

function useOf({ rows }: DeviceState, host: string, index: number): DeviceUse | undefined {
  const row = rows.find((one) => one.host === host && one.indices?.includes(index));
  if (!row) return undefined;
  const { started, expected } = row;
  return {
    ...whose(row),
    since: new Date(started ?? 0).toISOString(),
    ...(expected === null ? {} : { expectedEnd: new Date(expected).toISOString() }),
  };
}

function queueOf(state: DeviceState, device: DeviceKind): QueuedJob[] {
  const rows = new Map(state.rows.map((row) => [row.id, row]));
  return schedule(state).queue.flatMap(({ id, position, startsAt, reservedOn }) => {
    const row = rows.get(id);
    if (!row) return [];
    return [
      {
        ...{ ...whose(row), device, wanted: row.wanted, priority: row.priority, position },
        since: new Date(row.asked).toISOString(),
        ...(startsAt === undefined ? {} : { startsAt: new Date(startsAt).toISOString() }),
        ...(reservedOn === undefined ? {} : { reservedOn }),
      },
    ];
  });
}

const whose = ({ runId, service, project }: RequestRow) => ({ runId, stage: service, project });
