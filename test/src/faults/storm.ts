import { setTimeout as pause } from 'node:timers/promises';
import type { Random } from './random.js';
import type { World } from './world.js';

/** What was done to the system, by name. */
export type Injected = Map<string, number>;

function count(injected: Injected, what: string): void {
  injected.set(what, (injected.get(what) ?? 0) + 1);
}

/**
 * Kills at random for some seconds while runs go on: any process of any service, the broker, the database and its
 * sessions. The seed decides what and when.
 */
export async function storm(world: World, random: Random, seconds: number): Promise<Injected> {
  const injected: Injected = new Map();
  const end = Date.now() + seconds * 1000;
  const asking = ask(world, random, end);
  while (Date.now() < end) {
    await pause(random.between(300, 1_400));
    const dice = random.next();
    if (dice < 0.72) {
      const replica = random.pick(world.replicas);
      replica.signal('SIGKILL');
      count(injected, `kill -9 ${replica.service}`);
    } else if (dice < 0.8) {
      world.servers.servers.kill('nats', 'SIGKILL');
      count(injected, 'kill -9 broker');
    } else if (dice < 0.85) {
      world.servers.servers.kill('nats', 'SIGTERM');
      count(injected, 'stop broker');
    } else if (dice < 0.9) {
      world.servers.servers.kill('postgres', 'SIGKILL');
      count(injected, 'kill -9 database');
    } else {
      await world
        .query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'anneal-%'`)
        .catch(() => undefined);
      count(injected, 'terminate sessions');
    }
  }
  await asking;
  return injected;
}

async function ask(world: World, random: Random, end: number): Promise<void> {
  while (Date.now() < end) {
    await world.request({ steps: random.between(4, 16), checkpointEvery: random.between(2, 6) });
    await pause(random.between(1_500, 3_500));
  }
}
