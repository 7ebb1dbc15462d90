import type { Gpu } from '@anneal/compute';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';

/** A host that was not heard of for so long takes no more work. */
export const silentSeconds = 30;

const gpu = z.object({ index: z.int(), name: z.string(), memoryMiB: z.number() });
const hostRow = z.object({
  name: z.string(),
  service: z.string(),
  gpus: z.array(gpu),
  memoryMiB: z.number(),
  open: z.int(),
  seen: z.number(),
});
/** What a service of a host may use of it, and how many more jobs it would take on. */
export type HostRow = z.infer<typeof hostRow>;

type Queryable = Pick<EntityManager, 'query'>;

/** Says that a service of a host is there, and what it may use. */
export async function registerHost(
  database: Queryable,
  { name, service, gpus, memoryMiB, open }: Omit<HostRow, 'seen' | 'gpus'> & { gpus: readonly Gpu[] },
): Promise<void> {
  await database.query(
    `INSERT INTO devices.host (name, service, gpus, memory_mib, open, seen_at)
     VALUES ($1, $2, $3::jsonb, $4, $5, now())
     ON CONFLICT (name, service) DO UPDATE
       SET gpus = EXCLUDED.gpus, memory_mib = EXCLUDED.memory_mib, open = EXCLUDED.open, seen_at = EXCLUDED.seen_at`,
    [name, service, JSON.stringify(gpus), memoryMiB, open],
  );
}

/** Those that were heard of lately, in the order of their names. */
export async function readHosts(database: Queryable): Promise<HostRow[]> {
  const found = await database.query<unknown>(
    `SELECT name, service, gpus, memory_mib AS "memoryMiB", open, (extract(epoch FROM seen_at) * 1000)::float8 AS seen
       FROM devices.host WHERE seen_at > now() - make_interval(secs => $1) ORDER BY name, service`,
    [silentSeconds],
  );
  return z.array(hostRow).parse(found);
}
