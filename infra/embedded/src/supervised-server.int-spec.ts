import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endLeftover, recordProcess } from './leftover.js';
import { identify } from './process-identity.js';
import { SupervisedServer, type ServerProgram } from './supervised-server.js';

let folder: string;
const started: SupervisedServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-supervised-'));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true, force: true });
});

// The supervisor knows a server only as a program, so a short script stands for one here.
function program(script: string, changes: Partial<ServerProgram> = {}): ServerProgram {
  return {
    name: 'nats',
    command: [process.execPath, '-e', script],
    executable: process.execPath,
    environment: {},
    workingFolder: folder,
    stopSignal: 'SIGTERM',
    stopGraceMs: 2_000,
    isReady: async () => readLog().includes('ready'),
    ...changes,
  };
}

function supervise(script: string, changes?: Partial<ServerProgram>): SupervisedServer {
  const server = new SupervisedServer(program(script, changes), { log: file('log'), pid: file('pid') });
  started.push(server);
  return server;
}

function file(name: string): string {
  return join(folder, name);
}

function readLog(): string {
  return readFileSync(file('log'), 'utf8');
}

const runsForEver = 'console.log("ready"); setInterval(() => {}, 1000);';

describe('a supervised server', () => {
  it('is started when it answers, and gone after the stop', async () => {
    const server = supervise(runsForEver);
    await server.start();
    const pid = server.pid ?? 0;
    expect(identify(pid)).toBeDefined();
    await server.stop();
    expect(identify(pid)).toBeUndefined();
    expect(server.pid).toBeUndefined();
    expect(statSync(file('pid'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('comes back after it died', async () => {
    const server = supervise(runsForEver);
    await server.start();
    const before = server.pid;
    const died = once(server, 'died');
    const restarted = once(server, 'restarted');
    server.kill('SIGKILL');
    expect(await died).toEqual(['SIGKILL']);
    await restarted;
    expect(server.pid).not.toBe(before);
  });

  it('keeps its log small for as long as it runs', async () => {
    const chatters = `console.log("ready"); setInterval(() => console.log('x'.repeat(999_999)), 10);`;
    const server = new SupervisedServer(program(chatters, { isReady: async () => true }), {
      log: file('log'),
      pid: file('pid'),
      logLookMs: 50,
    });
    started.push(server);
    await server.start();
    await vi.waitFor(() => expect(statSync(file('log.1')).size).toBeGreaterThan(10_000_000), { timeout: 15_000 });
    await vi.waitFor(() => expect(statSync(file('log')).size).toBeLessThan(10_000_000));
    // No hole at its beginning: the server goes on where the file ends now.
    expect(readLog()).not.toContain('\0');
  });

  it('comes back when its process can be written down again, as after a full disk', async () => {
    const server = supervise(runsForEver);
    await server.start();
    // A folder in the place of the file: writing fails, whatever this account may do.
    rmSync(file('pid'));
    mkdirSync(file('pid'));
    const restarted = once(server, 'restarted');
    server.kill('SIGKILL');
    await once(server, 'died');
    // Long enough for two attempts, after 200 and 400 ms.
    await sleep(1_000);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
    rmSync(file('pid'), { recursive: true });
    await restarted;
    expect(JSON.parse(readFileSync(file('pid'), 'utf8'))).toMatchObject({ pid: server.pid });
    expect(identify(server.pid ?? 0)).toBeDefined();
  }, 15_000);

  it('may die a few times before its first answer', async () => {
    const script = `
      const fs = require('node:fs');
      fs.appendFileSync('starts', 'x');
      if (fs.readFileSync('starts').length < 3) process.exit(1);
      ${runsForEver}`;
    const server = supervise(script);
    await server.start();
    expect(readFileSync(file('starts'), 'utf8')).toBe('xxx');
  });

  it('that never answers ends the start with the line that says why', async () => {
    const server = supervise('console.error("FATAL: no such setting"); process.exit(1)');
    await expect(server.start()).rejects.toMatchObject({
      code: 'SERVER_START_FAILED',
      message: 'nats did not start: FATAL: no such setting',
    });
  }, 15_000);

  it('whose program is missing or cannot be run ends the start at once', async () => {
    const missing = join('/', 'no', 'such', 'program');
    await expect(supervise('', { executable: missing }).start()).rejects.toMatchObject({
      message: 'nats did not start: its program is missing',
    });
    await expect(supervise('', { command: [missing] }).start()).rejects.toMatchObject({
      code: 'SERVER_START_FAILED',
    });
  });

  it('that ignores the stop signal is killed', async () => {
    const server = supervise(`process.on('SIGTERM', () => {}); ${runsForEver}`, { stopGraceMs: 100 });
    await server.start();
    const pid = server.pid ?? 0;
    await server.stop();
    expect(identify(pid)).toBeUndefined();
  });

  it('can be stopped while it starts', async () => {
    const server = supervise('setInterval(() => {}, 1000)');
    const start = server.start().catch((error: unknown) => error);
    await new Promise((done) => setTimeout(done, 100));
    await server.stop();
    expect(await start).toMatchObject({ code: 'SERVER_START_FAILED' });
  });
});

describe('a process left by a killed supervisor', () => {
  it('is ended when it is the one that was written down', async () => {
    const server = supervise(runsForEver);
    await server.start();
    const pid = server.pid;
    expect(await endLeftover(file('pid'), 'SIGTERM', 1_000)).toBe(pid);
  });

  it('may end by itself in the moment in which it is to be ended', async () => {
    const server = supervise(runsForEver);
    await server.start();
    const { pid } = server;
    vi.spyOn(process, 'kill').mockImplementationOnce(() => {
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    });
    expect(await endLeftover(file('pid'), 'SIGTERM', 100)).toBe(pid);
  });

  it('is left alone when its program or its start time differ', async () => {
    const server = supervise(runsForEver);
    await server.start();
    const pid = server.pid ?? 0;
    recordProcess(file('other'), pid, join('/', 'another', 'program'));
    expect(await endLeftover(file('other'), 'SIGKILL', 0)).toBeUndefined();
    expect(server.pid).toBe(pid);
  });

  it('is none when nothing was written down', async () => {
    expect(await endLeftover(file('nothing'), 'SIGKILL', 0)).toBeUndefined();
  });
});
