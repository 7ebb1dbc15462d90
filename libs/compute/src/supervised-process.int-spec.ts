import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  adoptProcess,
  isSlotTaken,
  slotFile,
  startProcess,
  type ProcessSpec,
  type SupervisedProcess,
} from './index.js';
import { processStat } from './proc.js';
import { readRun } from './records.js';

const node = process.execPath;
let folder: string;
let started: SupervisedProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-compute-'));
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((one) => one.kill(0)));
  await rm(folder, { recursive: true, force: true });
});

const specFor = (name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  directory: join(folder, name),
  identity: { job: name, attempt: 1, token: '7' },
  command: node,
  args: ['-e', script],
  env: { PATH: process.env['PATH'] ?? '' },
  cwd: folder,
  ...more,
});
const start = async (...args: Parameters<typeof specFor>): Promise<SupervisedProcess> => {
  const one = await startProcess(specFor(...args));
  started.push(one);
  return one;
};
const adopt = async (name: string): Promise<SupervisedProcess> => {
  const adopted = await adoptProcess(join(folder, name));
  if (adopted === undefined || 'ended' in adopted)
    throw new Error(`nothing lives in ${name}: ${JSON.stringify(adopted)}`);
  started.push(adopted);
  return adopted;
};
const content = (path: string): Promise<string> => readFile(join(folder, path), 'utf8').catch(() => '');
const living = (pid: number): boolean => processStat(pid)?.dead === false;
const untilFile = (path: string): string => `const { existsSync } = require('node:fs');
  const timer = setInterval(() => { if (existsSync(${JSON.stringify(path)})) { clearInterval(timer); process.exit(5); } }, 20);`;
/** Starts one more session leader, as torch does for its workers, and says its pid. */
const withWorker = (file: string, after = ''): string => `
  const worker = require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => 0); setInterval(() => 0, 500)'],
    { detached: true, stdio: ['inherit', 'ignore', 'ignore'] });
  require('node:fs').writeFileSync(${JSON.stringify(file)}, String(worker.pid));
  worker.unref();
  ${after}`;

describe('a process', () => {
  it('has its end on record as soon as that can be written again, as after a full disk', async () => {
    const one = await start('full', untilFile(join(folder, 'go')));
    const { pid: supervisor = 0 } = readRun(join(folder, 'full'))?.supervisor ?? {};
    // A folder in the place of the file that becomes the record: writing fails, whatever this account may do.
    const blocked = join(folder, 'full', `.exit.json.${supervisor}`);
    await mkdir(blocked);
    await writeFile(join(folder, 'go'), '');
    const ended = one.wait();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([living(supervisor), one.state()]).toEqual([true, 'running']);
    await rm(blocked, { recursive: true });
    expect(await ended).toMatchObject({ code: 5, signal: null });
  });

  it('runs with its own environment and folder, and its end is on record', async () => {
    const script =
      'console.log(process.cwd(), Object.keys(process.env).sort().join()); console.error("bad"); process.exit(3)';
    const one = await start('a', script, { env: { A: '1' } });
    expect(one.identity).toEqual({ job: 'a', attempt: 1, token: '7' });
    expect(await one.wait()).toMatchObject({ code: 3, signal: null });
    expect(one.state()).toBe('ended');
    expect(await one.tailLog(5)).toBe(`${folder} A,ANNEAL_PROCESS\nbad`);
    expect(await adoptProcess(join(folder, 'a'))).toMatchObject({ ended: { code: 3 } });
    expect((await readdir(join(folder, 'a'))).sort()).toEqual(['exit.json', 'run.json', 'stderr.log', 'stdout.log']);
    expect(await adoptProcess(join(folder, 'nothing'))).toBeUndefined();
  });

  it('that cannot be started says why', async () => {
    const one = await start('a', '', { command: 'no-such-command', env: { PATH: '/usr/bin:/bin' } });
    expect(await one.wait()).toMatchObject({ code: 127 });
    expect(await one.tailLog(1)).toMatch(/could not start no-such-command/);
    // Longer than an argument may be, which is said in another way.
    const long = await start('b', '', { args: ['x'.repeat(200_000)] });
    expect(await long.wait()).toMatchObject({ code: 126 });
    expect(await long.tailLog(1)).toMatch(/could not start .*E2BIG/);
  });

  it('is alone in its folder; when it has ended another attempt may follow there', async () => {
    const one = await start('a', untilFile(join(folder, 'go')));
    await expect(startProcess(specFor('a', ''))).rejects.toMatchObject({ code: 'RUN_CONFLICT' });
    await writeFile(join(folder, 'go'), '');
    expect(await one.wait()).toMatchObject({ code: 5 });
    const next = await start('a', 'console.log("again")', { identity: { job: 'a', attempt: 2, token: '8' } });
    expect(await next.wait()).toMatchObject({ code: 0 });
    expect(await next.tailLog(5)).toBe('again');
    expect(await readdir(join(folder, 'a'))).toContain('stdout.attempt-1.log');
  });

  it('lives on when the one who started it is killed, and is found again with its exit code', async () => {
    const spec = specFor('a', untilFile(join(folder, 'go')));
    const parentScript = `
      import { startProcess } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      const one = await startProcess(JSON.parse(process.argv[1]));
      console.log(one.pid);
      setInterval(() => 0, 1000);`;
    const hooks = new URL('../test/source-hooks.mjs', import.meta.url).href;
    const flags = [`--import=${hooks}`, '--conditions=@anneal/source', '--input-type=module'];
    const parent = spawn(node, [...flags, '-e', parentScript, JSON.stringify(spec)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: import.meta.dirname,
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(living(pid)).toBe(true);
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const adopted = await adopt('a');
    expect([adopted.pid, adopted.state(), living(pid)]).toEqual([pid, 'running', true]);
    await writeFile(join(folder, 'go'), '');
    expect(await adopted.wait()).toMatchObject({ code: 5, signal: null });
  });

  it('is followed without its supervisor, though nobody sees its exit code then', async () => {
    const one = await start('a', untilFile(join(folder, 'go')));
    process.kill(readRun(join(folder, 'a'))?.supervisor.pid ?? 0, 'SIGKILL');
    const adopted = await adopt('a');
    expect(adopted.pid).toBe(one.pid);
    const early = adopted.wait(AbortSignal.timeout(300));
    await expect(early).rejects.toThrow();
    await writeFile(join(folder, 'go'), '');
    expect(await adopted.wait()).toMatchObject({ code: null, signal: null, lost: true });
    expect(await adoptProcess(join(folder, 'a'))).toMatchObject({ ended: { lost: true } });
  });

  it('is found by its mark when its supervisor died before it wrote the pid', async () => {
    const one = await start('a', 'setInterval(() => 0, 500)');
    const run = readRun(join(folder, 'a'));
    const supervisor = run?.supervisor.pid ?? 0;
    process.kill(supervisor, 'SIGKILL');
    await expect.poll(() => living(supervisor)).toBe(false);
    await writeFile(
      join(folder, 'a/run.json'),
      JSON.stringify({ ...run, pid: undefined, startTime: undefined, pgid: undefined }),
    );
    const adopted = await adopt('a');
    expect(adopted.pid).toBe(one.pid);
    await adopted.kill(0);
    expect(living(one.pid)).toBe(false);
  });

  it('is not mistaken for a later process of the same number, or of an earlier boot', async () => {
    const one = await start('a', 'setInterval(() => 0, 500)');
    const run = readRun(join(folder, 'a'));
    const forge = async (name: string, changes: object): Promise<unknown> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'run.json'), JSON.stringify({ ...run, mark: name, ...changes }));
      return adoptProcess(join(folder, name));
    };
    const other = { supervisor: { pid: process.pid, startTime: '1' } };
    const lost = { ended: { code: null, lost: true } };
    expect(await forge('later', { ...other, pid: one.pid, startTime: '1' })).toMatchObject(lost);
    expect(await forge('boot', { bootId: 'another' })).toMatchObject(lost);
    expect(living(one.pid)).toBe(true);
  });
});

describe('kill', () => {
  it('asks first', async () => {
    const one = await start(
      'a',
      'process.on("SIGTERM", () => process.exit(9)); console.log("up"); setInterval(() => 0, 500)',
    );
    await expect.poll(() => content('a/stdout.log')).toBe('up\n');
    await one.kill(5_000);
    expect(await one.wait()).toMatchObject({ code: 9, signal: null });
  });

  it('reaches workers that lead sessions of their own and do not listen', async () => {
    const one = await start('a', withWorker(join(folder, 'worker'), 'setInterval(() => 0, 500)'));
    await expect.poll(() => content('worker')).not.toBe('');
    const worker = Number(await content('worker'));
    expect([living(one.pid), living(worker)]).toEqual([true, true]);
    await one.kill(300);
    expect([living(one.pid), living(worker)]).toEqual([false, false]);
    expect(await one.wait()).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('reaches a worker whose parent ended long before', async () => {
    const one = await start('a', withWorker(join(folder, 'worker')));
    expect(await one.wait()).toMatchObject({ code: 0 });
    const worker = Number(await content('worker'));
    expect(living(worker)).toBe(true);
    await one.kill(0);
    expect(living(worker)).toBe(false);
    expect(await one.wait()).toMatchObject({ code: 0 });
  });
});

describe('a process that wants to be attended to', () => {
  const endless = 'setInterval(() => 0, 500)';

  it('is ended by its supervisor when nobody waits for it', async () => {
    const one = await start('a', endless, { attendedSeconds: 1 });
    await expect.poll(() => one.state(), { timeout: 10_000 }).toBe('ended');
    expect(await one.wait()).toMatchObject({ signal: 'SIGKILL', unattended: true });
    expect(await one.tailLog(1)).toMatch(/nobody attended/);
  });

  it('lives for as long as somebody does, and for a while longer when it is left', async () => {
    const one = await start('a', endless, { attendedSeconds: 1.5 });
    await expect(one.wait(AbortSignal.timeout(4_000))).rejects.toThrow();
    expect(one.state()).toBe('running');
    one.leaveFor(60);
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    expect((await adopt('a')).state()).toBe('running');
  });

  it('does not start when the slot is free at last', async () => {
    await start('a', endless, { slot: slotFile(folder, 'cpu') });
    const second = await start('b', '', { slot: slotFile(folder, 'cpu'), attendedSeconds: 1 });
    await expect.poll(() => second.state(), { timeout: 10_000 }).toBe('ended');
    expect(await second.wait()).toMatchObject({ code: null, unattended: true });
  });
});

describe('a slot', () => {
  const slotOf = (): string => slotFile(folder, 'cpu');

  it('is for one process at a time', async () => {
    const first = await start('a', untilFile(join(folder, 'go')), { slot: slotOf() });
    await expect.poll(() => first.state()).toBe('running');
    const second = await start('b', 'process.exit(0)', { slot: slotOf() });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([first.state(), second.state(), second.warning]).toEqual(['running', 'waiting', undefined]);
    expect((await adopt('b')).state()).toBe('waiting');
    await writeFile(join(folder, 'go'), '');
    expect(await first.wait()).toMatchObject({ code: 5 });
    expect(await second.wait()).toMatchObject({ code: 0 });
  });

  it('is held until the last descendant is gone, also one of a Python that closes all descriptors', async () => {
    const script = `
import subprocess, sys
worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=True, start_new_session=True)
print(worker.pid, flush=True)`;
    const first = await start('a', '', { command: 'python3', args: ['-c', script], slot: slotOf() });
    expect(await first.wait()).toMatchObject({ code: 0 });
    const worker = Number(await content('a/stdout.log'));
    const second = await start('b', 'process.exit(0)', { slot: slotOf() });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([living(worker), second.state()]).toEqual([true, 'waiting']);
    await first.kill(0);
    expect(await second.wait()).toMatchObject({ code: 0 });
  });

  it('may be one of several, which are taken together and in whatever order they are named', async () => {
    const [zero, one, two] = [slotFile(folder, 0), slotFile(folder, 1), slotFile(folder, 2)];
    const first = await start('a', untilFile(join(folder, 'go')), { slot: [one, zero] });
    await expect.poll(() => first.state()).toBe('running');
    const second = await start('b', 'process.exit(0)', { slot: [two, one] });
    const third = await start('c', 'process.exit(0)', { slot: zero });
    const beside = await start('d', 'process.exit(0)', { slot: slotFile(folder, 3) });
    expect(await beside.wait()).toMatchObject({ code: 0 });
    expect([first.state(), second.state(), third.state()]).toEqual(['running', 'waiting', 'waiting']);
    expect([zero, one, two, slotFile(folder, 3)].map(isSlotTaken)).toEqual([true, true, false, false]);
    await writeFile(join(folder, 'go'), '');
    expect(await first.wait()).toMatchObject({ code: 5 });
    expect([await second.wait(), await third.wait()]).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  it('of several is held by all descendants too, also when supervisor and command were killed', async () => {
    const script = `
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], close_fds=True, start_new_session=True)
print(worker.pid, flush=True)
time.sleep(60)`;
    const slot = [slotFile(folder, 0), slotFile(folder, 1)];
    const first = await start('a', '', { command: 'python3', args: ['-c', script], slot });
    await expect.poll(() => content('a/stdout.log')).not.toBe('');
    const worker = Number(await content('a/stdout.log'));
    process.kill(readRun(join(folder, 'a'))?.supervisor.pid ?? 0, 'SIGKILL');
    process.kill(first.pid, 'SIGKILL');
    await expect.poll(() => first.state()).toBe('ended');
    const others = await Promise.all(slot.map((file, index) => start(`b${index}`, 'process.exit(0)', { slot: file })));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([living(worker), ...others.map((other) => other.state())]).toEqual([true, 'waiting', 'waiting']);
    process.kill(worker, 'SIGKILL');
    expect(await Promise.all(others.map((other) => other.wait()))).toMatchObject([{ code: 0 }, { code: 0 }]);
  });

  it('is left by one that is killed while it waits', async () => {
    await start('a', 'setInterval(() => 0, 500)', { slot: slotOf() });
    const second = await start('b', '', { slot: slotOf() });
    await second.kill(1_000);
    expect([second.state(), await second.wait()]).toMatchObject(['ended', { code: null, signal: 'SIGTERM' }]);
  });

  it('is done without, and that is said, where there is no flock', async () => {
    const path = process.env['PATH'];
    await mkdir(join(folder, 'bin'));
    await chmod(join(folder, 'bin'), 0o755);
    process.env['PATH'] = join(folder, 'bin');
    try {
      const one = await start('a', 'process.exit(4)', { slot: slotOf() });
      expect(await one.wait()).toMatchObject({ code: 4 });
      expect(one.warning).toMatch(/flock/);
    } finally {
      process.env['PATH'] = path;
    }
  });
});
