import { setTimeout as pause } from 'node:timers/promises';
import { stageNames } from '@anneal/contracts';
import { Command, Option } from 'commander';
import { adopted, badApiServer, cutOffForAWhile, nodeLost, podsTakenAway } from './cluster-faults.js';
import { ClusterTrainings } from './cluster-trainings.js';
import { control, controls, type Control } from './controls.js';
import {
  badHub,
  badStore,
  bothKilled,
  crashesAtEdges,
  cutOff,
  fullDisk,
  gracefulStop,
  steering,
  strangeDeadLetters,
  strangeEvents,
  wipeBroker,
  zombie,
  type Fault,
} from './directed.js';
import { checkInvariants, type Finding } from './invariants.js';
import { Observer } from './observer.js';
import { processesOf } from './processes.js';
import { Proxy } from './proxy.js';
import { Random } from './random.js';
import { realTraining } from './real-training.js';
import { Report } from './report.js';
import { clusterCrashPoints, crashPoints } from './sabotage-plan.js';
import { sabotaged } from './sabotaged.js';
import { SmallDisk } from './small-disk.js';
import { storm } from './storm.js';
import { World } from './world.js';

const parts = ['storm', 'directed', 'edges', 'disk', 'controls', 'kubernetes', 'real'] as const;
type Part = (typeof parts)[number];

interface Options {
  seed: number;
  minutes: number;
  only?: string;
  without?: string;
}

const program = new Command('test:faults')
  .description(
    'kills and cuts everything while runs go on, and checks from outside that nothing was lost or done twice',
  )
  .option('--seed <n>', 'decides what is killed and when', Number, Math.floor(Math.random() * 1_000_000))
  .option('--minutes <n>', 'how long the storm lasts', Number, 0.6)
  .option('--only <parts>', `some of: ${parts.join(', ')}`)
  .addOption(
    new Option('--without <mechanism>', 'switches one mechanism off by hand; the suite has to break').choices(
      controls.map((name) => name.replace('no ', '')),
    ),
  )
  .addHelpText('after', '\nExit status: 0 everything held, 1 something did not.');
const options = program.parse().opts<Options>();
const chosen = new Set<string>(options.only?.split(',') ?? parts);
const wanted = (part: Part): boolean => chosen.has(part);
const report = new Report(options.seed);

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
const broken = controls.find((name) => name === `no ${options.without}`);
if (broken) await report.part(`without ${options.without}`, () => switchedOff(broken));
else await everything();
process.exit(report.end());

/** Axolotl needs the whole machine. The rest is two rows of worlds, side by side: much of what happens there is waiting. */
async function everything(): Promise<void> {
  await inOrder([[['real'], 'real Axolotl', withAxolotl]]);
  await Promise.all([
    inOrder([[['storm', 'directed'], 'the storm', killingAndCutting]]),
    inOrder([
      [['edges'], 'the edges', crashingAtEdges],
      [['disk'], 'the full disk', fillingTheDisk],
      [['controls'], 'the controls', switchingOff],
    ]),
  ]);
  await inOrder([[['kubernetes'], 'the cluster', trainingInCluster]]);
}

async function inOrder(row: readonly [parts: Part[], name: string, run: () => Promise<void>][]): Promise<void> {
  for (const [of, name, run] of row) if (of.some(wanted)) await report.part(name, run);
}

/** One world for the storm and for what is done on purpose; the object store stands behind a proxy. */
async function killingAndCutting(): Promise<void> {
  let proxy: Proxy | undefined;
  const world = await World.open({
    route: async (endpoint) => {
      proxy = await Proxy.before(endpoint);
      return proxy.url;
    },
  });
  const observer = new Observer(world);
  let ended = true;
  if (wanted('storm')) {
    await report.fault('F1 F2 F3 storm', async () => {
      const injected = await storm(world, new Random(options.seed), options.minutes * 60);
      ended = await world.settled(120_000);
      const total = [...injected.values()].reduce((sum, count) => sum + count, 0);
      const kinds = [...injected].map(([what, count]) => `${count} ${what}`).toSorted();
      return `${total} faults over ${world.requested.length} runs: ${kinds.join(', ')}`;
    });
  }
  let deadLetters = 0;
  if (wanted('directed')) {
    const run = (name: string, fault: Fault): Promise<boolean> => report.fault(name, () => fault(world));
    await run('F6 bad Hub', badHub);
    await run('F2 broker loses its store', wipeBroker);
    if (await run('F7 strange events', strangeEvents)) deadLetters = strangeDeadLetters;
    await run('F8 zombie with an old token', zombie);
    await run('F8 service and training killed', bothKilled);
    await run('F8 host cut off', cutOff);
    await run('F11 graceful stop', gracefulStop(stageNames));
    await run('pause, resume, cancel, retry', steering);
    if (proxy) await run('F5 bad way to the store', badStore(proxy));
    ended = (await world.settled(60_000)) && ended;
  }
  await observer.stop();
  report.findings('storm and directed', [
    ...(await checkInvariants(world, { succeed: await succeeded(world), deadLetters }, { ended, observer })),
    await onlyExhaustedFail(world),
  ]);
  await end(world);
  await proxy?.close();
}

/**
 * Trainings in pods: what only a cluster does to them, and, when this part is asked for, the directed cases again, which take
 * some minutes more.
 */
async function trainingInCluster(): Promise<void> {
  let proxy: Proxy | undefined;
  let trainings: ClusterTrainings | undefined;
  const world = await sabotaged({
    replicas: (service) => (service === 'trainer' ? 2 : 1),
    route: async (endpoint) => {
      proxy = await Proxy.before(endpoint);
      return proxy.url;
    },
    trainings: async (place) => (trainings = await ClusterTrainings.open(place)),
  });
  if (!proxy || !trainings) throw new Error('the world has no cluster');
  const observer = new Observer(world);
  const run = (name: string, fault: Fault): Promise<boolean> =>
    report.fault(`${name}, in a cluster`, () => fault(world));
  await run('F4 crashes at edges', crashesAtEdges(clusterCrashPoints));
  await run('F13 pods taken away', podsTakenAway(trainings));
  await run('F14 bad way to the API server', badApiServer(trainings));
  await run('F15 node lost', nodeLost(trainings));
  await run('F8 trainer killed', adopted);
  let deadLetters = 0;
  if (options.only !== undefined) {
    await run('F8 trainers cut off for a while', cutOffForAWhile);
    await run('F8 host cut off', cutOff);
    await run('F8 zombie with an old token', zombie);
    await run('F8 service and training killed', bothKilled);
    await run('F11 graceful stop', gracefulStop(['trainer']));
    await run('pause, resume, cancel, retry', steering);
    await run('F2 broker loses its store', wipeBroker);
    if (await run('F7 strange events', strangeEvents)) deadLetters = strangeDeadLetters;
    await run('F5 bad way to the store', badStore(proxy));
  }
  const ended = await world.settled(60_000);
  await observer.stop();
  report.findings('kubernetes', [
    ...(await checkInvariants(world, { succeed: await succeeded(world), deadLetters }, { ended, observer })),
    await onlyExhaustedFail(world),
  ]);
  await end(world);
  await proxy.close();
}

async function succeeded(world: World): Promise<string[]> {
  const runs = await world.query<{ id: string }>(`SELECT id FROM gateway.run WHERE state = 'succeeded'`);
  return runs.map(({ id }) => id);
}

/** Every service crashes once at each edge, and two of them have clocks that are off by twelve minutes. */
async function crashingAtEdges(): Promise<void> {
  const world = await sabotaged({ replicas: 1, skew: true });
  await report.fault('F4 F9 crashes at edges, clocks 24 minutes apart', () => crashesAtEdges(crashPoints)(world));
  const ended = await world.settled(30_000);
  report.findings('edges', await checkInvariants(world, { succeed: world.requested }, { ended }));
  await end(world);
}

/** F12: with a mechanism on, the same provocation does no harm; with it off, the suite has to see the harm. */
async function switchingOff(): Promise<void> {
  for (const which of controls) {
    const world = await sabotaged({ replicas: 2, from: { blind: which === 'no token' } });
    await report.fault(`F12 control: ${which}`, async () => {
      const held = await control(world, which, false);
      const broken = held.filter(({ holds }) => !holds);
      if (broken.length > 0) throw new Error(`does harm although it is on: ${broken.map(textOf).join('; ')}`);
      const seen = (await control(world, which, true)).filter(({ holds }) => !holds);
      if (seen.length === 0) throw new Error('nothing was noticed');
      return `noticed: ${seen.map(({ invariant }) => invariant).join('; ')}`;
    });
    await end(world);
  }
}

/** Red by its nature: what a suite prints that has something to find. */
async function switchedOff(which: Control): Promise<void> {
  const world = await sabotaged({ replicas: 2, from: { blind: which === 'no token' } });
  report.findings(which, await control(world, which, true));
  await end(world);
}

async function fillingTheDisk(): Promise<void> {
  const disk = SmallDisk.mount(3072);
  if (!disk) return report.skip('F10 disk full', 'this account may not mount a small file system');
  const world = await World.open({ replicas: 1, parent: disk.folder });
  await report.fault('F10 disk full', () => fullDisk(disk)(world));
  const ended = await world.settled(30_000);
  report.findings('disk', await checkInvariants(world, { succeed: world.requested }, { ended }));
  await end(world);
  disk.unmount();
}

async function withAxolotl(): Promise<void> {
  let made: World | undefined;
  await report.fault('F8 real Axolotl, trainer and training killed', async () => {
    const { world, detail } = await realTraining();
    made = world;
    return detail;
  });
  if (!made) return;
  const ended = await made.settled(30_000);
  report.findings('real', await checkInvariants(made, { succeed: [] }, { ended }));
  await end(made);
}

/** I10: everything ends when it is told to, and nothing is left over. */
async function end(world: World): Promise<void> {
  const logs = report.failed ? world.keepLogs() : undefined;
  const remains = await remainsOf(world);
  const ends = await world.close();
  const wrong = ends.filter(({ code }) => code !== 0 && code !== null).map(({ service, code }) => `${service} ${code}`);
  const left = [...remains, ...processesOf(world.folder)];
  report.findings('afterwards', [
    {
      invariant: 'I10 nothing is left over',
      holds: wrong.length === 0 && left.length === 0,
      detail: [...wrong, ...left].slice(0, 4).join('; ') || 'no process',
    },
  ]);
  if (logs) report.note(`The logs are kept in ${logs}.`);
}

/** What the trainers do not clear away within some seconds; they look for it again and again. */
async function remainsOf({ trainings }: World): Promise<string[]> {
  let remains = await trainings.leftOver();
  for (const giveUpAt = Date.now() + 20_000; Date.now() < giveUpAt && remains.length > 0; await pause(250)) {
    remains = await trainings.leftOver();
  }
  return remains;
}

/** A job that was killed in each of its attempts may give up; nothing else may fail. */
async function onlyExhaustedFail(world: World): Promise<Finding> {
  const failed = await world.query<{ id: string; code: string }>(
    `SELECT id, failure->>'code' AS code FROM gateway.run WHERE state = 'failed'`,
  );
  const others = failed.filter(({ code }) => code !== 'ATTEMPTS_EXHAUSTED');
  return {
    invariant: 'I8 no run fails but by too many kills',
    holds: others.length === 0,
    detail: others.map(({ id, code }) => `${id} ${code}`).join(', ') || `${failed.length} gave up`,
  };
}

function textOf({ invariant, detail }: Finding): string {
  return `${invariant} (${detail})`;
}
