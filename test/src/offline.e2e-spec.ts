import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { RunView } from '@anneal/contracts';
import { makeStandInEngine, startHub, type SmallHub } from '@anneal/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { World } from './faults/world.js';

const anneal = join(import.meta.dirname, '..', '..', 'apps', 'cli', 'bin', 'anneal.js');

let folder: string;
let hub: SmallHub;
let world: World;
/** What a service tried to connect to beside this machine. */
let outside: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-offline-'));
  outside = join(folder, 'outside.log');
  writeFileSync(outside, '');
  hub = await startHub();
  hub.create('acme/small').commit('weights', { put: { 'config.json': '{}' } });
  for (const name of ['acme/rows', 'acme/questions']) {
    const rows = Array.from({ length: 12 }, (_, n) => JSON.stringify({ question: `${name} ${n}?`, answer: `${n}` }));
    hub.create(name, { type: 'dataset' }).commit('rows', { put: { 'train.jsonl': `${rows.join('\n')}\n` } });
  }
  const guard = join(folder, 'guard.mjs');
  writeFileSync(
    guard,
    `import { appendFileSync } from 'node:fs';
     import net from 'node:net';
     const inside = (host) => ['127.0.0.1', 'localhost', '::1'].includes(host);
     const { connect } = net.Socket.prototype;
     net.Socket.prototype.connect = function (...args) {
       const [options] = Array.isArray(args[0]) ? args[0] : args;
       const host = typeof options === 'object' ? (options.path === undefined ? (options.host ?? 'localhost') : 'localhost') : (args[1] ?? 'localhost');
       if (!inside(host)) {
         appendFileSync(${JSON.stringify(outside)}, host + '\\n');
         this.destroy(new Error('nothing outside may be asked'));
         return this;
       }
       return connect.apply(this, args);
     };`,
  );
  world = await World.open({
    replicas: 1,
    environment: () => ({ OFFLINE: 'true', HF_ENDPOINT: hub.url }),
    preload: () => guard,
  });
});

afterAll(async () => {
  await world.close();
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

function specOf(id: string, change: object = {}): object {
  return {
    ...{ id, name: id, model: { base: 'acme/small' }, dataset: { source: 'acme/rows', heldOut: 0.25 } },
    training: { method: 'lora', maxSteps: 6, microBatch: 1, gradientAccumulation: 1, epochs: 10 },
    evaluation: { benchmarks: [{ name: 'held-out' }] },
    publish: { when: 'always', to: `registry:${id}` },
    ...change,
  };
}

async function submit(spec: object): Promise<Response> {
  return world.call('/api/runs', {
    ...{ method: 'POST', body: JSON.stringify(spec) },
    headers: { 'content-type': 'application/json' },
  });
}

async function ended(id: string): Promise<RunView> {
  return world.until(id, ({ state }) => state === 'failed' || state === 'succeeded');
}

it('a run whose pieces are missing fails before anything is trained, with the list of them', async () => {
  const spec = specOf('poor', { dataset: { source: 'acme/rows', heldOutFrom: 'acme/questions' } });
  expect((await submit(spec)).status).toBe(202);
  const run = await ended('poor');
  expect(run.state).toBe('failed');
  const failure = JSON.stringify(run.stages.find(({ stage }) => stage === 'dataset'));
  expect(failure).toMatch(/SOURCE_OFFLINE/);
  expect(hub.requests).toEqual([]);
  for (const piece of ['3 things', 'acme/rows', 'acme/questions', 'acme/small']) expect(failure).toContain(piece);
  expect(world.engine.trainingStarts()).toEqual([]);
});

it('a run that lacks its base model alone fails in the trainer, before it waits for a device', async () => {
  const own = join(world.folder, 'train.jsonl');
  await submit(specOf('baseless', { dataset: { source: `file:${own}`, heldOut: 0.25 } }));
  const run = await ended('baseless');
  expect(JSON.stringify(run.stages)).toMatch(/SOURCE_OFFLINE.*acme\/small|acme\/small.*SOURCE_OFFLINE/);
  expect(world.engine.trainingStarts()).toEqual([]);
});

it('a run that would be published outside is refused at the door', async () => {
  const answer = await submit(specOf('outward', { publish: { when: 'improved', to: 'hub:acme/tuned' } }));
  expect(answer.status).toBe(400);
  expect(await answer.text()).toMatch(/SOURCE_OFFLINE.*hub:acme\/tuned/);
});

it('a run with everything from a bundle goes through, and nobody outside is asked', async () => {
  const { model } = await makeStandInEngine(join(folder, 'engine'));
  const python = join(folder, 'python');
  const copy = `for word in "$@"; do case $word in --directory=*) cp '${model}'/* "\${word#*=}";; esac; done`;
  writeFileSync(python, `#!/bin/sh\n${copy}\n`);
  chmodSync(python, 0o755);
  const file = join(folder, 'run.yaml');
  writeFileSync(file, stringify(specOf('rich')));
  const bundle = join(folder, 'bundle.tar');
  const environment = { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], HF_ENDPOINT: hub.url } };
  const call = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(process.execPath, [anneal, 'bundle', ...args, '--json'], environment);
    return JSON.parse(stdout);
  };
  const created = await call('create', file, '--output', bundle, '--engine-python', python);
  expect(created).toMatchObject({ carried: ['acme/small (main)', 'acme/rows (train, main)'], left: [] });
  const workDir = world.servers.environment('trainer')['WORK_DIR'] ?? '';
  mkdirSync(workDir, { recursive: true });
  expect(await call('load', bundle, '--work-dir', workDir)).toMatchObject({ workDir, differences: [] });
  expect(existsSync(join(workDir, 'models', 'acme--small'))).toBe(true);

  const asked = hub.requests.length;
  await submit(specOf('rich'));
  const run = await ended('rich');
  expect(run.state, JSON.stringify(run.stages)).toBe('succeeded');
  expect(hub.requests.slice(asked)).toEqual([]);
  expect(readFileSync(outside, 'utf8')).toBe('');
});
