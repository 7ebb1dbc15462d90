import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StageName } from '@anneal/contracts';
import { migrateTopology, connectNats } from '@anneal/messaging';
import { storeOf } from './invariants.js';
import { crashesAt, crashesOf, setSabotage, type CrashPoint } from './sabotage-plan.js';
import { processesOf } from './processes.js';
import type { Proxy, Weather } from './proxy.js';
import type { SmallDisk } from './small-disk.js';
import { readStream } from './stream.js';
import { leaseSeconds } from './trainings.js';
import { hubName, type World } from './world.js';

/** What a fault did, in a few words; it throws when the system did not come through. */
export type Fault = (world: World) => Promise<string>;

/** F2: the broker loses all it had, in the middle of runs, and the topology is created anew. */
export const wipeBroker: Fault = async (world) => {
  const ids = [await world.request({ steps: 40 }), await world.request({ steps: 10 })];
  await world.until(ids[0] ?? '', ({ stages }) =>
    stages.some(({ stage, state }) => stage === 'trainer' && state === 'running'),
  );
  const before = (await readStream(world.nats)).length;
  await wipe(world);
  for (const id of ids) await world.until(id, ({ state }) => state === 'succeeded', 90_000);
  return `${before} events wiped, ${ids.length} runs under way`;
};

async function wipe(world: World): Promise<void> {
  const { servers } = world.servers;
  const store = join(world.folder, 'data', 'nats');
  const back = new Promise<void>((resolve) => {
    const stop = servers.on('restarted', (name) => {
      if (name !== 'nats') return;
      stop();
      resolve();
    });
  });
  servers.kill('nats', 'SIGKILL');
  for (const name of readdirSync(store)) rmSync(join(store, name), { recursive: true, force: true });
  await back;
  const admin = await connectNats({ url: servers.nats.url, name: 'migrate' });
  await migrateTopology(admin);
  await admin.close();
}

/** F7: what the broker may bring again, or strangers may send. Two dead letters come of it for each consumer asked. */
export const strangeEvents: Fault = async (world) => {
  const id = await world.request();
  await world.until(id, ({ state }) => state === 'succeeded');
  const events = await readStream(world.nats);
  const mine = events.filter((event) => event.run === id);
  // Again, and in reverse, under fresh message ids: as after the window in which the broker recognises copies.
  for (const [index, event] of [...mine, ...mine.toReversed()].entries()) {
    const { 'Nats-Msg-Id': _id, ...fields } = event.headers;
    await world.publish(event.subject, event.text, {
      ...fields,
      'ce-id': event.id,
      'Nats-Msg-Id': `again-${id}-${index}`,
    });
  }
  const prepared = mine.find(({ subject }) => subject === 'anneal.dataset.prepared');
  if (!prepared) throw new Error('the run has no DatasetPrepared');
  const strange = {
    ...prepared.headers,
    'ce-subject': 'stranger',
    'ce-source': 'a-stranger',
    'ce-id': 'strange-1',
    'Nats-Msg-Id': 'strange-1',
  };
  await world.publish(prepared.subject, prepared.text, { ...strange, 'ce-type': 'anneal.dataset.prepared.v99' });
  await world.publish(prepared.subject, 'this is not JSON', {
    ...strange,
    'ce-id': 'strange-2',
    'Nats-Msg-Id': 'strange-2',
  });
  const large = await world.publish(prepared.subject, 'x'.repeat(1024 * 1024), { 'Nats-Msg-Id': 'large' }).then(
    () => 'taken',
    () => 'refused by the broker',
  );
  await pause(1_000);
  const after = await world.request();
  await world.until(after, ({ state }) => state === 'succeeded');
  return `${mine.length * 2} old events again, unknown version, no JSON; 1 MB ${large}`;
};

/** Consumers of DatasetPrepared, each of which sets both unreadable events aside. */
export const strangeDeadLetters = 2 * 3;

/** F8: the service and its training die in the same moment, and the service alone falls silent and wakes up. */
export const zombie: Fault = async (world) => {
  const id = await world.request({ steps: 60, checkpointEvery: 10 });
  const { pid, owner } = await trainingOwner(world, id);
  process.kill(pid, 'SIGSTOP');
  try {
    // Its lease runs out, and the other replica adopts the training.
    await waitFor('another owner', async () => (await ownerOf(world, id)) !== owner, (leaseSeconds + 15) * 1000);
    await world.until(id, ({ state }) => state === 'succeeded');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await pause(1_500);
  return `asleep for more than ${leaseSeconds} s, awake after the end`;
};

export const bothKilled: Fault = async (world) => {
  const id = await world.request({ steps: 60, checkpointEvery: 10 });
  const { pid } = await trainingOwner(world, id);
  await pause(600);
  const training = world.trainings.living().find(({ run }) => run === id);
  process.kill(pid, 'SIGKILL');
  if (training) process.kill(training.pid, 'SIGKILL');
  await world.until(id, ({ state }) => state === 'succeeded');
  mustHaveStarted(world, id, 2);
  return 'service and training killed, resumed from a checkpoint';
};

/** F8: no trainer can say that it still has its training, as on a host that is cut off. The training ends by itself. */
export const cutOff: Fault = async (world) => {
  const { alone } = world.trainings;
  const id = await world.request({ steps: 600, checkpointEvery: 20 });
  await trainingOwner(world, id);
  await pause(1_000);
  const trainers = world.of('trainer');
  for (const replica of trainers) replica.freeze();
  const took = await timeOf(async () => {
    await waitFor('the training to end by itself', async () => !trains(world, id), alone.most * 1000).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; there were ${processesOf(world.folder).join('; ')}`);
      },
    );
  }).finally(() => {
    for (const replica of trainers) replica.thaw();
  });
  if (took < alone.least) throw new Error(`the training ended after ${took.toFixed(1)} s already`);
  await world.until(id, ({ state }) => state === 'succeeded', 90_000);
  mustHaveStarted(world, id, 2);
  return `ended by itself after ${took.toFixed(1)} s with a lease of ${leaseSeconds} s, then gone on with`;
};

/** F11: SIGTERM during each stage ends the processes within ten seconds and uses up no attempt. */
export const gracefulStop =
  (stages: readonly StageName[]): Fault =>
  async (world) => {
    world.engine.setGeneratorFaults({ batchMs: 400 });
    const took: number[] = [];
    for (const stage of stages) {
      const id = await caughtIn(world, stage);
      const ends = await Promise.all(world.of(stage).map((replica) => replica.stop()));
      for (const { code, tookMs } of ends) {
        if (code !== 0) throw new Error(`${stage} ended with ${code}`);
        if (tookMs > 10_000) throw new Error(`${stage} took ${Math.round(tookMs)} ms to stop`);
        took.push(tookMs);
      }
      for (const replica of world.of(stage)) replica.start();
      await world.until(id, ({ state }) => state === 'succeeded');
      const over = (await jobsOf(world, stage, id)).filter(({ attempt }) => attempt !== 1);
      if (over.length > 0) throw new Error(`${stage} of ${id} used ${over[0]?.attempt} attempts`);
    }
    world.engine.setGeneratorFaults({});
    return `${stages.length === 1 ? stages[0] : `${stages.length} stages`}, slowest stop ${Math.round(Math.max(...took))} ms`;
  };

/** @returns a run that is in that stage now; the shortest stages may be over before anybody looks, so it asks again */
async function caughtIn(world: World, stage: string): Promise<string> {
  for (let tries = 0; tries < 20; tries += 1) {
    const id = await world.request({ steps: 40 });
    const working = async () => (await jobsOf(world, stage, id)).some(({ state }) => state === 'running');
    let seen = false;
    await waitFor(
      `${stage} of ${id}`,
      async () => (seen = await working()) || (await world.view(id))?.state === 'succeeded',
      60_000,
    );
    if (seen) return id;
  }
  throw new Error(`${stage} was never seen at work`);
}

/** Pause, resume, retry and cancel, each in the middle of a training. */
export const steering: Fault = async (world) => {
  const paused = await world.request({ steps: 80, checkpointEvery: 100 });
  await trainingOwner(world, paused);
  await pause(400);
  await say(world, paused, 'pause');
  await waitFor('the training to stop', async () => world.trainings.living().length === 0, 20_000);
  await pause(1_000);
  if ((await world.view(paused))?.state !== 'paused') throw new Error('the run is not paused');
  await say(world, paused, 'resume');
  await world.until(paused, ({ state }) => state === 'succeeded');

  const cancelled = await world.request({ steps: 400 });
  await trainingOwner(world, cancelled);
  await say(world, cancelled, 'cancel');
  await waitFor('the training to be gone', async () => world.trainings.living().length === 0, 20_000);

  await world.engine.setFaults({ stepMs: 25, notFiniteAtStep: 5 });
  const failed = await world.request({ steps: 30, checkpointEvery: 2 });
  await world.until(failed, ({ state }) => state === 'failed');
  await world.engine.setFaults({ stepMs: 25 });
  await say(world, failed, 'retry');
  await world.until(failed, ({ state }) => state === 'succeeded');
  return 'one run paused and resumed, one cancelled, one failed and retried';
};

/** F5: the way to the object store is bad in every way it can be, while runs go through it. */
export function badStore(proxy: Proxy): Fault {
  const kinds: Weather[] = ['refused', 'reset', 'black hole', 'slow', 'unavailable', 'lost answer'];
  return async (world) => {
    const ids: string[] = [];
    for (const weather of kinds) {
      ids.push(await world.request());
      proxy.set(weather);
      await pause(2_500);
      proxy.set('clear');
      await pause(1_500);
    }
    for (const id of ids) await world.until(id, ({ state }) => state === 'succeeded', 90_000);
    return kinds.join(', ');
  };
}

/** F4: every service crashes once at each edge that it passes, while several runs come through. */
export const crashesAtEdges =
  (points: readonly CrashPoint[]): Fault =>
  async (world) => {
    const crashes = crashesAt(points);
    setSabotage(world.folder, { crash: points, round: 1 });
    const missing = (): string[] => {
      const happened = new Set(crashesOf(world.folder, 1));
      return crashes.filter((crash) => !happened.has(crash));
    };
    for (let wave = 0; missing().length > 0; wave += 1) {
      if (wave === 4) throw new Error(`never happened: ${missing().join(', ')}`);
      for (const to of ['registry', 'hub', 'registry'] as const) await world.request({ to });
      if (!(await world.settled(300_000))) throw new Error('some runs did not end');
    }
    setSabotage(world.folder, {});
    return `${crashes.length} crashes at ${points.length} edges, ${world.requested.length} runs`;
  };

/** F6: the Hub takes a commit and does not say so, is overtaken, has no time, and does not know the token any more. */
export const badHub: Fault = async (world) => {
  const { faults } = world.hub;
  const publish = async (): Promise<string> => world.request({ to: 'hub' });
  const succeeds = (id: string): Promise<unknown> => world.until(id, ({ state }) => state === 'succeeded', 60_000);

  faults.add('commit', { kind: 'drop-answer' });
  await succeeds(await publish());
  const overtaken = await publish();
  faults.add('commit', {
    kind: 'meanwhile',
    act: () =>
      void world.hub.repository(hubName(overtaken)).commit('of somebody else', { put: { 'notes.md': 'mine' } }),
  });
  await succeeds(overtaken);
  faults.add('commit', { kind: 'status', status: 429, retryAfter: 1 });
  faults.add('commit', { kind: 'status', status: 503 });
  await succeeds(await publish());
  faults.add('create', { kind: 'status', status: 401 });
  const refused = await publish();
  const run = await world.until(refused, ({ state }) => state !== 'running');
  if (run.failure?.code !== 'PUBLISH_REFUSED') throw new Error(`a dead token led to ${run.state}`);
  await say(world, refused, 'retry');
  await succeeds(refused);
  return 'answer to a commit lost, overtaken by another commit, 429, 503, dead token';
};

/** Changes the course of a run by hand. */
export async function say(world: World, id: string, verb: string): Promise<void> {
  world.steered.add(id);
  const { status } = await world.call(`/api/runs/${id}/${verb}`, { method: 'POST' });
  if (status !== 200) throw new Error(`${verb} of ${id} was answered with ${status}`);
}

/** F10: the one disk of broker, database, object store and work folders is full for some seconds, in the middle of runs. */
export function fullDisk(disk: SmallDisk): Fault {
  return async (world) => {
    const training = await world.request({ steps: 160, checkpointEvery: 10 });
    await trainingOwner(world, training);
    const waiting = await world.request();
    disk.fill();
    // PostgreSQL dies by itself when it cannot write its log, but not each time: it has to come back without room.
    world.servers.servers.kill('postgres', 'SIGKILL');
    // Asked for while there is no room: the broker may not take it before there is.
    let taken = false;
    const late = world.request().finally(() => (taken = true));
    // The store may get nothing to write from the runs in this time, and how it comes back is a part of the question.
    const object = [{ path: 'any', source: randomBytes(1024 * 1024) }];
    const stored = storeOf(world)
      .putFiles('log', object, { signal: AbortSignal.timeout(4_000) })
      .then(
        () => 'took',
        () => 'refused',
      );
    await pause(5_000);
    const broker = taken ? 'took' : 'refused';
    disk.free();
    const ids = [training, waiting, await late];
    const retried: string[] = [];
    for (const id of ids) {
      // The object store itself takes up to a minute to see that there is room again.
      const { state, failure } = await world.until(id, (run) => run.state !== 'running', 180_000);
      if (state === 'succeeded') continue;
      if (failure?.code !== 'DISK_FULL') throw new Error(`${id} ${state}: ${failure?.code} ${failure?.message}`);
      await say(world, id, 'retry');
      await world.until(id, (run) => run.state === 'succeeded', 90_000);
      retried.push(id);
    }
    return `full for 5 s, the broker ${broker} a request, the store ${await stored} an object; ${ids.length} runs, of which ${retried.length} failed with DISK_FULL and were retried`;
  };
}

/** @returns seconds */
async function timeOf(act: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await act();
  return (performance.now() - began) / 1000;
}

export async function trainingOwner(world: World, id: string): Promise<{ pid: number; owner: string }> {
  await waitFor(`the training of ${id}`, async () => trains(world, id), 60_000);
  const owner = (await ownerOf(world, id)) ?? '';
  return { pid: Number(owner.split(':')[1]), owner };
}

export function trains(world: World, id: string): boolean {
  return world.trainings.living().some(({ run }) => run === id);
}

export function mustHaveStarted(world: World, id: string, times: number): void {
  const starts = world.trainings.starts().filter((run) => run === id).length;
  if (starts !== times) throw new Error(`the training of ${id} was started ${starts} times, not ${times}`);
}

async function ownerOf(world: World, id: string): Promise<string | null | undefined> {
  const [row] = await world.query<{ lease_owner: string | null }>(
    'SELECT lease_owner FROM trainer.job WHERE run_id = $1',
    [id],
  );
  return row?.lease_owner;
}

async function jobsOf(world: World, stage: string, id: string): Promise<{ state: string; attempt: number }[]> {
  return world.query<{ state: string; attempt: number }>(
    `SELECT state, attempt FROM "${stage}".job WHERE run_id = $1`,
    [id],
  );
}

export async function waitFor(what: string, look: () => Promise<boolean>, withinMs: number): Promise<void> {
  for (const end = Date.now() + withinMs; Date.now() < end; await pause(20)) {
    if (await look().catch(() => false)) return;
  }
  throw new Error(`gave up waiting for ${what}`);
}
