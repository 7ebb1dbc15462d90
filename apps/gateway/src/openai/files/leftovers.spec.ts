import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeLeftOvers } from './leftovers.js';

let workDir: string;
beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'anneal-work-'));
});
afterEach(() => rm(workDir, { recursive: true, force: true }));

it('what a killed process left is removed, and nothing that may be in use', async () => {
  const twoDaysAgo = new Date(Date.now() - 2 * 86_400_000);
  for (const [parent, name] of [
    ['received', 'file-old'],
    ['received', 'file-new'],
    ['checked', 'file-old'],
    ['artifacts', 'old'],
  ] as const) {
    const folder = join(workDir, parent, name);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'content'), 'x');
    if (!name.endsWith('new')) await utimes(folder, twoDaysAgo, twoDaysAgo);
  }
  await removeLeftOvers(workDir);
  const left = await Promise.all(['received', 'checked', 'artifacts'].map((name) => readdir(join(workDir, name))));
  expect(left).toEqual([['file-new'], [], ['old']]);
});

it('a folder that is not there yet is no error', async () => {
  await removeLeftOvers(join(workDir, 'nothing'));
});
