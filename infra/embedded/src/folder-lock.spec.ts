import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder, supervisorOf } from './folder-lock.js';

let dataDir: string;
let run: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'anneal-lock-'));
  run = join(dataDir, 'run');
  mkdirSync(run);
});

afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe('the lock of a data folder', () => {
  it('refuses a second supervisor and names the first', () => {
    lockFolder(run, dataDir);
    expect(() => lockFolder(run, dataDir)).toThrow(
      expect.objectContaining({
        code: 'DATA_FOLDER_IN_USE',
        message: `The data folder ${dataDir} is in use by process ${process.pid}.`,
      }),
    );
    expect(supervisorOf(dataDir)).toBe(process.pid);
  });

  it('is free again after its release', () => {
    lockFolder(run).release();
    expect(supervisorOf(dataDir)).toBeUndefined();
    lockFolder(run).release();
    expect(readdirSync(run)).toHaveLength(1);
  });

  it('is taken over from a process that died', () => {
    writeFileSync(join(run, 'supervisor.7.lock'), JSON.stringify({ pid: 4_190_000, startedAt: 'long ago' }));
    lockFolder(run);
    expect(readdirSync(run)).toEqual(['supervisor.8.lock']);
  });

  it('is taken over when the id of its holder now belongs to another process', () => {
    writeFileSync(join(run, 'supervisor.1.lock'), JSON.stringify({ pid: process.pid, startedAt: 'another time' }));
    expect(supervisorOf(dataDir)).toBeUndefined();
    lockFolder(run);
    expect(supervisorOf(dataDir)).toBe(process.pid);
  });

  it('is free in a folder that does not exist', () => {
    expect(supervisorOf(join(dataDir, 'nowhere'))).toBeUndefined();
  });
});
