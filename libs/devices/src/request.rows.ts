import type { HoldingJob, HostsState, WaitingJob } from '@anneal/compute';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { DeviceKind } from './host.devices.js';
import { readHosts, type HostRow } from './host.table.js';

type Queryable = Pick<EntityManager, 'query'>;

const milliseconds = z.number().nullable();
const requestRow = z.object({
  id: z.string(),
  runId: z.string(),
  service: z.string(),
  home: z.string(),
  project: z.string(),
  wanted: z.int(),
  memoryMiB: z.number().nullable(),
  movable: z.boolean(),
  priority: z.int(),
  host: z.string().nullable(),
  indices: z.array(z.int()).nullable(),
  attended: z.boolean(),
  most: milliseconds,
  asked: z.number(),
  reserved: milliseconds,
  reservedOn: z.string().nullable(),
  started: milliseconds,
  expected: milliseconds,
});
export type RequestRow = z.infer<typeof requestRow>;

const turns = z.array(z.object({ project: z.string(), served: z.number() }));
const clock = z.tuple([z.object({ now: z.number() })]);
const epoch = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** What a decision about one kind of device is made of. */
export interface DeviceState extends HostsState {
  readonly rows: readonly RequestRow[];
  readonly hostRows: readonly HostRow[];
}

export async function readState(database: Queryable, device: DeviceKind): Promise<DeviceState> {
  const [{ now }] = clock.parse(await database.query(`SELECT ${epoch('now()')} AS now`));
  const hostRows = await readHosts(database);
  const found = await database.query<unknown>(
    `SELECT job_id AS id, run_id AS "runId", service, home, project, wanted, memory_mib AS "memoryMiB", movable, priority,
            host, indices, attended_until > now() AS attended, most_seconds * 1000 AS most, ${epoch('asked_at')} AS asked,
            ${epoch('reserved_at')} AS reserved, reserved_on AS "reservedOn", ${epoch('started_at')} AS started,
            ${epoch('expected_end')} AS expected
       FROM devices.request WHERE device = $1`,
    [device],
  );
  const rows = z.array(requestRow).parse(found);
  const served = turns.parse(
    await database.query(`SELECT project, ${epoch('served_at')} AS served FROM devices.turn WHERE device = $1`, [
      device,
    ]),
  );
  return {
    ...{ now, rows, hostRows },
    hosts: hostsOf(hostRows, device),
    holding: rows.flatMap(holdingOf),
    waiting: rows.flatMap((row) => waitingOf(row, hostRows, device)),
    servedAt: new Map(served.map((turn) => [turn.project, turn.served])),
  };
}

/** Every host once, with what any of its services may use. The CPU is one device. */
function hostsOf(rows: readonly HostRow[], device: DeviceKind): { name: string; gpus: number[] }[] {
  const hosts = new Map<string, Set<number>>();
  for (const { name, gpus } of rows) {
    const known = hosts.get(name) ?? new Set<number>();
    for (const index of device === 'cpu' ? [0] : gpus.map((gpu) => gpu.index)) known.add(index);
    hosts.set(name, known);
  }
  return [...hosts].map(([name, gpus]) => ({ name, gpus: [...gpus].sort((a, b) => a - b) }));
}

function holdingOf({ id, project, host, indices, started, most, expected }: RequestRow): HoldingJob[] {
  if (host === null || indices === null || started === null) return [];
  return [
    {
      ...{ id, project, host, indices },
      endsAt: most === null ? undefined : started + most,
      expectedEnd: expected ?? undefined,
    },
  ];
}

/** One that nobody attends to waits for nothing. */
function waitingOf(row: RequestRow, hosts: readonly HostRow[], device: DeviceKind): WaitingJob[] {
  if (row.indices !== null || !row.attended) return [];
  const { id, project, wanted, priority, asked, reserved, reservedOn, most } = row;
  return [
    {
      ...{ id, project, gpus: wanted, priority, since: asked },
      hosts: hostsFor(row, hosts, device),
      reservedSince: reserved ?? undefined,
      reservedOn: reservedOn ?? undefined,
      mostMs: most ?? undefined,
    },
  ];
}

/** Names of the hosts with a service that would do the job: its own first, and others that have room for one more. */
export function hostsFor(
  {
    service,
    home,
    wanted,
    memoryMiB,
    movable,
  }: Pick<RequestRow, 'service' | 'home' | 'wanted' | 'memoryMiB' | 'movable'>,
  hosts: readonly HostRow[],
  device: DeviceKind,
): string[] {
  const able = hosts.filter((host) => {
    if (host.service !== service) return false;
    if (host.name !== home && !(movable && host.open > 0)) return false;
    if (device === 'cpu') return true;
    const smallest = Math.min(...host.gpus.map((gpu) => gpu.memoryMiB));
    return host.gpus.length >= wanted && (host.name === home || smallest >= (memoryMiB ?? 0));
  });
  return able.map(({ name }) => name).sort((a, b) => Number(b === home) - Number(a === home));
}
