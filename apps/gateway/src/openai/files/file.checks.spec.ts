import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { createLogger } from '@anneal/service';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileChecks } from './file.checks.js';
import type { FileRow } from './file.row.js';

/** Files of which nobody has looked at the rows yet; their bytes are not in the store, so that each check is short. */
class Unchecked {
  readonly waiting: string[] = [];
  readonly checked: string[] = [];

  readonly table = {
    unchecked: async (limit: number) => this.waiting.slice(0, limit).map((id) => ({ id }) as FileRow),
    checked: async (id: string) => {
      this.waiting.splice(this.waiting.indexOf(id), 1);
      this.checked.push(id);
    },
  };

  readonly store = {
    getDirectory: async () => {
      throw new Failure('ARTIFACT_MISSING', 'It is gone.', { remedy: 'None.' });
    },
  };
}

const folder = mkdtempSync(join(tmpdir(), 'anneal-checks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files: Unchecked;
let checks: FileChecks;
beforeEach(() => {
  files = new Unchecked();
  const { table, store } = files;
  const [config, log] = [{ WORK_DIR: folder }, createLogger('gateway', 'silent')];
  checks = new FileChecks(config as never, log, store as never, table as never);
});
afterEach(async () => {
  await checks.beforeApplicationShutdown();
  vi.useRealTimers();
});

describe('the check of files', () => {
  it('looks at all that a stop has left, however many', async () => {
    files.waiting.push(...Array.from({ length: 230 }, (_, n) => `file-${n}`));
    checks.onApplicationBootstrap();
    await vi.waitFor(() => expect(files.checked).toHaveLength(230), { timeout: 10_000 });
  });

  it('finds one that another process of the gateway took and was stopped before it looked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    checks.onApplicationBootstrap();
    await vi.advanceTimersByTimeAsync(1_000);
    files.waiting.push('file-of-another');
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    await vi.waitFor(() => expect(files.checked).toEqual(['file-of-another']));
  });
});
