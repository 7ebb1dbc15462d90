import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSlotTaken, slotFile, type Gpu } from '@anneal/compute';
import type { ServiceName } from '@anneal/contracts';
import { createDataSource, GiveBack, openDatabase, type ClaimedJob, type WorkContext } from '@anneal/jobs';
import type { ProgressPublisher } from '@anneal/messaging';
import { createLogger } from '@anneal/service';
import { startTestServers, type TestServers } from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DeviceQueue, type Wanted } from './device.queue.js';
import { HostDevices } from './host.devices.js';
import { deviceOverview } from './overview.js';

/** A host with GPUs that are made up. */
class MadeUpHost extends HostDevices {
  constructor(
    name: string,
    private readonly made: readonly Gpu[],
  ) {
    super({ HOST_NAME: name, DEVICE: 'cpu' });
  }
  override get gpus(): readonly Gpu[] {
    return this.made;
  }
  override look(): Promise<readonly Gpu[]> {
    return Promise.resolve(this.made);
  }
}

const gpus = (count: number, memoryMiB = 24_576): Gpu[] =>
  Array.from({ length: count }, (_, index) => ({ index, name: 'Made-up GPU', memoryMiB }));

let servers: TestServers;
const sources = new Map<string, DataSource>();
const queues: DeviceQueue[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  servers = await startTestServers();
  for (const service of ['trainer', 'evaluator', 'merger', 'gateway'] as const) {
    const source = createDataSource({ url: servers.environment(service)['POSTGRES_URL'] ?? '', schema: service });
    await openDatabase(source);
    sources.set(service, source);
  }
}, 120_000);
afterEach(async () => {
  for (const queue of queues.splice(0)) queue.onModuleDestroy();
  for (const child of children.splice(0)) process.kill(-(child.pid ?? 0), 'SIGKILL');
  for (const table of ['request', 'turn', 'host']) await of('trainer').query(`DELETE FROM devices.${table}`);
});
afterAll(async () => {
  for (const source of sources.values()) await source.destroy();
  await servers.stop();
});

const of = (service: ServiceName): DataSource => sources.get(service) as DataSource;
const workDir = (host: string): string => join(servers.folder, host);

async function queueOf(
  stage: 'trainer' | 'evaluator' | 'merger',
  host: string,
  made: readonly Gpu[],
  open = 8,
): Promise<DeviceQueue> {
  const queue = new DeviceQueue({
    ...{ stage, devices: new MadeUpHost(host, made), dataSource: of(stage), workDir: workDir(host), open: () => open },
    url: servers.environment(stage)['POSTGRES_URL'] ?? '',
    progress: { publish: () => undefined } as unknown as ProgressPublisher,
    log: createLogger(stage, 'silent'),
  });
  await queue.onModuleInit();
  queues.push(queue);
  return queue;
}

const jobOf = (runId: string, project = 'default'): ClaimedJob<unknown> => ({
  ...{ id: randomUUID(), runId, kind: 'test', input: {}, attempt: 1, maxAttempts: 5, outages: 0, token: '1', turn: 0 },
  ...{ project, startedAt: new Date().toISOString(), causationId: undefined },
});
const contextOf = (service: ServiceName, signal = new AbortController().signal): WorkContext => ({
  signal: signal,
  commit: (change) => of(service).transaction(change),
});
const going = new AbortController().signal;
const stopping = AbortSignal.abort('stopping');
const gpu = (wanted: number, more: Partial<Wanted> = {}): Wanted => ({ device: 'gpu', wanted, priority: 0, ...more });

/** What has become of a promise by now. */
async function stateOf(promise: Promise<unknown>): Promise<'done' | 'failed' | 'waiting'> {
  const later = new Promise<'waiting'>((resolve) => setTimeout(resolve, 1_500, 'waiting'));
  return Promise.race([
    promise.then(
      () => 'done' as const,
      () => 'failed' as const,
    ),
    later,
  ]);
}

async function lock(host: string, index: number): Promise<void> {
  const file = slotFile(workDir(host), index);
  await mkdir(join(workDir(host), 'slots'), { recursive: true });
  children.push(spawn('flock', [file, 'sleep', '60'], { detached: true, stdio: 'ignore' }));
  await expect.poll(() => isSlotTaken(file), { timeout: 5_000 }).toBe(true);
}

describe('a queue for all services', () => {
  it('gives no GPU to two of them, and one that comes back to whoever waits', async () => {
    const trainer = await queueOf('trainer', 'one', gpus(2));
    const evaluator = await queueOf('evaluator', 'one', gpus(2));
    const [training, evaluation, third] = [jobOf('a'), jobOf('b'), jobOf('c')];
    expect(await trainer.take(training, gpu(1), contextOf('trainer'))).toEqual([0]);
    expect(await evaluator.take(evaluation, gpu(1), contextOf('evaluator'))).toEqual([1]);
    const waiting = trainer.take(third, gpu(1), contextOf('trainer'));
    expect(await stateOf(waiting)).toBe('waiting');
    await evaluator.leave(evaluation, going);
    expect(await waiting).toEqual([1]);
  });

  it('agrees when many ask at once, from several services', async () => {
    const services = await Promise.all([queueOf('trainer', 'one', gpus(4)), queueOf('trainer', 'one', gpus(4))]);
    const asked = Array.from({ length: 12 }, (_, index) =>
      (services[index % 2] as DeviceQueue)
        .take(jobOf(`r${index}`, `p${index % 3}`), gpu(1), contextOf('trainer'))
        .then((indices) => indices[0]),
    );
    for (const one of asked) one.catch(() => undefined);
    await expect
      .poll(
        async () => {
          // Eight may wait for a moment in which nothing is given out yet.
          const { hosts, queue } = await deviceOverview(of('gateway'));
          const used = hosts.flatMap((host) => host.gpus).filter(({ use }) => use !== undefined).length;
          return { used, waiting: queue.map(({ position }) => position) };
        },
        { timeout: 5_000 },
      )
      .toEqual({ used: 4, waiting: [1, 2, 3, 4, 5, 6, 7, 8] });
    const { hosts } = await deviceOverview(of('gateway'));
    expect(hosts).toMatchObject([{ name: 'one', services: ['trainer'] }]);
    const runs = hosts[0]?.gpus.map(({ use }) => use?.runId);
    expect(new Set(runs).size).toBe(4);
    expect(runs).not.toContain(undefined);
  });

  it('lets merges and evaluations take the CPU of a host in turn', async () => {
    const merger = await queueOf('merger', 'one', []);
    const evaluator = await queueOf('evaluator', 'one', []);
    const cpu: Wanted = { device: 'cpu', wanted: 1, priority: 0 };
    const merge = jobOf('a');
    expect(await merger.take(merge, cpu, contextOf('merger'))).toEqual([0]);
    const evaluation = evaluator.take(jobOf('b'), cpu, contextOf('evaluator'));
    expect(await stateOf(evaluation)).toBe('waiting');
    const elsewhere = await queueOf('merger', 'two', []);
    expect(await elsewhere.take(jobOf('c'), cpu, contextOf('merger'))).toEqual([0]);
    await merger.leave(merge, going);
    expect(await evaluation).toEqual([0]);
  });

  it('keeps the devices of what lives on when its service stops, and gives them out when it has ended', async () => {
    const trainer = await queueOf('trainer', 'one', gpus(2));
    const [lives, ended] = [jobOf('lives'), jobOf('ended')];
    await trainer.take(lives, gpu(1), contextOf('trainer'));
    await trainer.take(ended, gpu(1), contextOf('trainer'));
    await lock('one', 0);
    for (const job of [lives, ended]) await trainer.leave(job, stopping);
    expect(await trainer.take(jobOf('next'), gpu(1), contextOf('trainer'))).toEqual([1]);
    expect(await trainer.take(lives, gpu(1), contextOf('trainer'))).toEqual([0]);
  });

  it('ends a wait when the run is cancelled, and the place in line is free', async () => {
    const trainer = await queueOf('trainer', 'one', gpus(1));
    await trainer.take(jobOf('has'), gpu(1), contextOf('trainer'));
    const stop = new AbortController();
    const job = jobOf('unwanted');
    const waiting = trainer.take(job, gpu(1), contextOf('trainer', stop.signal));
    expect(await stateOf(waiting)).toBe('waiting');
    stop.abort('cancelled');
    await expect(waiting).rejects.toThrow('cancelled');
    await trainer.leave(job, stop.signal);
    expect((await deviceOverview(of('gateway'))).queue).toEqual([]);
  });
});

describe('several hosts', () => {
  it('hand a job over to the one that has room, with enough memory, and it keeps its devices there', async () => {
    const small = await queueOf('trainer', 'small', gpus(1));
    await queueOf('trainer', 'weak', gpus(4, 8_192));
    const large = await queueOf('trainer', 'large', gpus(4));
    const job = jobOf('moves');
    const moved = small.take(job, gpu(2, { movable: true, memoryMiB: 16_000 }), contextOf('trainer'));
    await expect(moved).rejects.toBeInstanceOf(GiveBack);
    await small.leave(job, going);
    expect(
      (await deviceOverview(of('gateway'))).hosts.find(({ name }) => name === 'large')?.gpus[1]?.use,
    ).toMatchObject({
      runId: 'moves',
    });
    expect(await large.take(job, gpu(2, { movable: true, memoryMiB: 16_000 }), contextOf('trainer'))).toEqual([0, 1]);
  });

  it('take over nothing that cannot move, nothing of another service, and nothing when they have no room', async () => {
    const home = await queueOf('evaluator', 'home', gpus(1));
    await queueOf('trainer', 'full', gpus(4), 0);
    await queueOf('trainer', 'free', gpus(4));
    await home.take(jobOf('has'), gpu(1), contextOf('evaluator'));
    const waiting = home.take(jobOf('waits'), gpu(1), contextOf('evaluator'));
    const trainer = await queueOf('trainer', 'home', gpus(1));
    const bound = trainer.take(jobOf('bound'), gpu(1), contextOf('trainer'));
    const movable = trainer.take(jobOf('movable'), gpu(1, { movable: true }), contextOf('trainer'));
    await expect(movable).rejects.toThrow('free');
    expect([await stateOf(waiting), await stateOf(bound)]).toEqual(['waiting', 'waiting']);
  });

  it('get a job back in line when nobody there takes it', async () => {
    const home = await queueOf('trainer', 'home', []);
    const far = await queueOf('trainer', 'far', gpus(1));
    const job = jobOf('left');
    await expect(home.take(job, gpu(1, { movable: true }), contextOf('trainer'))).rejects.toBeInstanceOf(GiveBack);
    await of('trainer').query('UPDATE devices.request SET attended_until = now()');
    expect(await far.take(jobOf('next'), gpu(1), contextOf('trainer'))).toEqual([0]);
  });

  it('refuse what none of them can do', async () => {
    const trainer = await queueOf('trainer', 'one', gpus(2));
    await expect(trainer.take(jobOf('huge'), gpu(3), contextOf('trainer'))).rejects.toMatchObject({
      ...{ code: 'SPEC_UNSUPPORTED', field: 'training.gpus', retryable: true },
    });
  });
});

describe('rights', () => {
  it('let services use the queue, the gateway look at it, and others neither', async () => {
    await queueOf('trainer', 'one', gpus(1));
    await expect(of('gateway').query('DELETE FROM devices.request')).rejects.toThrow('permission denied');
    const dataset = createDataSource({ url: servers.environment('dataset')['POSTGRES_URL'] ?? '', schema: 'dataset' });
    await dataset.initialize();
    await expect(dataset.query('SELECT FROM devices.request')).rejects.toThrow('permission denied');
    await dataset.destroy();
  });
});
