import { setTimeout as pause } from 'node:timers/promises';
import type { ClusterTrainings } from './cluster-trainings.js';
import { mustHaveStarted, trainingOwner, trains, waitFor, type Fault } from './directed.js';
import type { Weather } from './proxy.js';
import { readStream } from './stream.js';
import { leaseSeconds } from './trainings.js';
import type { World } from './world.js';

const long = { steps: 600, checkpointEvery: 20 };

/** F13: pods are taken away in every way, each from a run of its own. Only one that may write a checkpoint is not counted. */
export const podsTakenAway =
  (trainings: ClusterTrainings): Fault =>
  async (world) => {
    const { cluster } = trainings;
    const ways: Record<string, { takeAway: (job: string) => Promise<void>; killed: number }> = {
      killed: { takeAway: (job) => cluster.kill(job), killed: 1 },
      evicted: { takeAway: (job) => cluster.evict(job, 'The node was low on resource: memory.'), killed: 1 },
      drained: { takeAway: (job) => cluster.drain(job), killed: 0 },
      deleted: { takeAway: (job) => cluster.delete(job), killed: 1 },
    };
    const taken = await Promise.all(
      Object.values(ways).map(async (way) => ({ ...way, id: await caughtWithCheckpoint(world) })),
    );
    await quickly(world, async () => {
      await Promise.all(taken.map(({ id, takeAway }) => takeAway(trainings.jobOf(id))));
      for (const { id, killed } of taken) {
        await world.until(id, ({ state }) => state === 'succeeded', 90_000);
        mustHaveStarted(world, id, 2);
        await mustHaveTrained(world, id, { resumed: 1, killed });
      }
    });
    return `${Object.keys(ways).join(', ')}; each gone on with from its checkpoint`;
  };

/** F14: the way to the API server is bad, it is busy, and it forgets what it was asked to watch. The pods train on. */
export const badApiServer =
  (trainings: ClusterTrainings): Fault =>
  async (world) => {
    const { cluster, way } = trainings;
    const kinds: Weather[] = ['refused', 'black hole', 'reset', 'unavailable', 'lost answer'];
    const under = await world.request(long);
    await trainingOwner(world, under);
    const begun: string[] = [];
    for (const weather of kinds) {
      way.set(weather);
      begun.push(await world.request());
      await pause(1_500);
      way.set('clear');
      await pause(700);
    }
    cluster.fail(/^GET .*\/(jobs|pods)\?/, { status: 429, retryAfter: 1 }, 3);
    cluster.objects.forget();
    cluster.cutStreams();
    begun.push(await world.request());
    await pause(1_000);
    cluster.expireWatches();
    cluster.fail(/^POST .*\/jobs$/, 'drop-answer');
    cluster.fail(/^GET .*\/log/, 'drop', 2);
    begun.push(await world.request());
    for (const id of [under, ...begun]) await world.until(id, ({ state }) => state === 'succeeded', 90_000);
    await mustHaveTrained(world, under, { resumed: 0, killed: 0 });
    for (const id of [under, ...begun]) mustHaveStarted(world, id, 1);
    return `${kinds.join(', ')}, 429, 410, cut streams, an answer lost; ${begun.length} trainings begun meanwhile`;
  };

/** F15: nothing is heard of a node any more. Another pod goes on, and the lost one comes to nothing and ends. */
export const nodeLost =
  (trainings: ClusterTrainings): Fault =>
  async (world) => {
    const id = await caughtWithCheckpoint(world);
    const isOver = await quickly(world, async () => {
      const lost = trainings.loseNode(id);
      await world.until(id, ({ state }) => state === 'succeeded', 90_000);
      return lost;
    });
    await mustHaveTrained(world, id, { resumed: 1, killed: 1 });
    await waitFor('the lost pod to end by itself', async () => isOver(), trainings.alone.most * 1000);
    return 'another pod went on from the checkpoint, and the lost one ended by itself';
  };

/** F8: a trainer dies for good, and the pod is adopted by the other one, which has none of its files. */
export const adopted: Fault = async (world) => {
  const id = await world.request(long);
  const { pid } = await trainingOwner(world, id);
  const owner = world.of('trainer').find((replica) => replica.pid === pid);
  if (owner === undefined) throw new Error(`no trainer has the process ${pid}`);
  await owner.stop('SIGKILL');
  await world.until(id, ({ state }) => state === 'succeeded', 60_000).finally(() => owner.start());
  mustHaveStarted(world, id, 1);
  await mustHaveTrained(world, id, { resumed: 0, killed: 0 });
  return 'the other trainer took over the pod, and nothing was trained twice';
};

/** F8: no trainer is there for longer than a lease. The pod goes on, and is attended to again. */
export const cutOffForAWhile: Fault = async (world) => {
  const id = await world.request(long);
  await trainingOwner(world, id);
  const trainers = world.of('trainer');
  for (const replica of trainers) replica.freeze();
  await pause((leaseSeconds + 2) * 1000);
  const goesOn = trains(world, id);
  for (const replica of trainers) replica.thaw();
  if (!goesOn) throw new Error('the pod ended before its time');
  await world.until(id, ({ state }) => state === 'succeeded', 60_000);
  mustHaveStarted(world, id, 1);
  await mustHaveTrained(world, id, { resumed: 0, killed: 0 });
  return `its pod trained on for ${leaseSeconds + 2} s, and was adopted`;
};

/** @returns a run that trains for as long as that takes, and has a checkpoint in the object store */
async function caughtWithCheckpoint(world: World): Promise<string> {
  await world.engine.setFaults({ stepMs: 100 });
  const id = await world.request(long);
  const look = async () =>
    (await world.query('SELECT FROM trainer.training_checkpoint WHERE run_id = $1', [id])).length > 0;
  await waitFor(`a checkpoint of ${id}`, look, 120_000);
  return id;
}

/** What is started meanwhile makes its steps in no time. */
async function quickly<T>(world: World, act: () => Promise<T>): Promise<T> {
  await world.engine.setFaults({ stepMs: 2 });
  return act().finally(() => world.engine.setFaults({ stepMs: 25 }));
}

/**
 * All steps were made, in as many starts, and no attempt ended by a kill but those that had to: a trainer whose lease runs out on a slow
 * machine leaves the end of a pod to the next one, for which it is no news.
 */
async function mustHaveTrained(world: World, id: string, expected: { resumed: number; killed: number }): Promise<void> {
  const events = (await readStream(world.nats)).filter(({ run }) => run === id);
  const [said] = events.filter(({ subject }) => subject === 'anneal.training.completed').map(({ text }) => text);
  const { training } = JSON.parse(said ?? '{}') as { training?: { steps: number; resumed: number } };
  const attempts = events
    .filter(({ subject }) => subject === 'anneal.stage.attempted')
    .map(({ text }) => JSON.parse(text) as { stage: string; attempt: { failure?: { code: string } } });
  const killed = attempts.filter(({ attempt }) => attempt.failure?.code === 'KILLED').length;
  const { steps, resumed } = training ?? {};
  if (steps === long.steps && resumed === expected.resumed && killed <= expected.killed) return;
  const made = { steps, resumed, killed };
  throw new Error(`${id} was trained in ${JSON.stringify(made)}, not ${JSON.stringify(expected)}`);
}
