import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceNames } from '@anneal/contracts';
import { World } from '../faults/world.js';
import type { Bench, Result } from './result.js';
import { Samples } from './samples.js';

const lookMs = 100;

/** Memory of each real service (its share of what it maps, PSS): at rest, and while runs go through it. */
export const memory: Bench = async ({ quick }) => {
  const world = await World.open({ replicas: 1 });
  try {
    await pause(3_000);
    const idle = await look(world, async () => pause(quick ? 500 : 3_000));
    const loaded = await look(world, async () => {
      const runs = await Promise.all(Array.from({ length: quick ? 2 : 10 }, () => world.request({ steps: 20 })));
      for (const id of runs) await world.until(id, ({ state }) => state === 'succeeded', 120_000);
    });
    return [...named('at rest', idle), ...named('under runs', loaded)];
  } finally {
    await world.close();
  }
};

async function look(world: World, meanwhile: () => Promise<void>): Promise<Map<string, Samples>> {
  const seen = new Map(serviceNames.map((service) => [service as string, new Samples()]));
  const over = new AbortController();
  const looking = (async () => {
    while (!over.signal.aborted) {
      for (const { service, pid } of world.replicas) if (pid !== undefined) seen.get(service)?.add(pssMiB(pid));
      await pause(lookMs);
    }
  })();
  await meanwhile();
  over.abort();
  await looking;
  return seen;
}

function named(when: string, seen: ReadonlyMap<string, Samples>): Result[] {
  return [...seen].map(([service, samples]) => ({ name: `memory of ${service} ${when}`, unit: 'MiB', samples }));
}

/** https://docs.kernel.org/filesystems/proc.html, smaps_rollup */
export function pssMiB(pid: number): number {
  const kiB = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kiB) / 1024;
}
