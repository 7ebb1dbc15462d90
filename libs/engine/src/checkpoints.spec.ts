import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCompleteCheckpoint } from './checkpoints.js';

let output: string;
beforeEach(async () => {
  output = await mkdtemp(join(tmpdir(), 'anneal-checkpoints-'));
});
afterEach(() => rm(output, { recursive: true, force: true }));

/** A checkpoint with its marker, as the reporting plugin leaves it. */
async function writeCheckpoint(step: number, markedStep = step): Promise<string> {
  const folder = join(output, `checkpoint-${step}`);
  await mkdir(join(folder, 'global_step'), { recursive: true });
  const contents = { 'optimizer.pt': `moments of ${step}`, 'global_step/shard.pt': 'weights' };
  const files: Record<string, { size: number; sha256: string }> = {};
  for (const [name, text] of Object.entries(contents)) {
    await writeFile(join(folder, name), text);
    files[name] = { size: text.length, sha256: createHash('sha256').update(text).digest('hex') };
  }
  await writeFile(join(folder, 'anneal_complete.json'), JSON.stringify({ step: markedStep, files }));
  return folder;
}

describe('the checkpoint to go on from', () => {
  it('is none before the first was written', async () => {
    expect(await findCompleteCheckpoint(join(output, 'nowhere'))).toEqual({ checkpoint: undefined, rejected: [] });
    await writeFile(join(output, 'adapter_config.json'), '{}');
    expect(await findCompleteCheckpoint(output)).toEqual({ checkpoint: undefined, rejected: [] });
  });

  it('is that of the highest step, by number', async () => {
    for (const step of [9, 10, 100, 20]) await writeCheckpoint(step);
    expect(await findCompleteCheckpoint(output)).toEqual({
      checkpoint: { name: 'checkpoint-100', step: 100 },
      rejected: [],
    });
  });

  it.each<[string, (folder: string) => Promise<void>, RegExp]>([
    ['has no marker', (folder) => rm(join(folder, 'anneal_complete.json')), /no marker/],
    ['has half a marker', (folder) => writeFile(join(folder, 'anneal_complete.json'), '{"step": 2'), /marker/],
    ['lacks a file', (folder) => rm(join(folder, 'optimizer.pt')), /optimizer\.pt/],
    ['has a file cut short', (folder) => writeFile(join(folder, 'optimizer.pt'), 'mom'), /optimizer\.pt has 3 bytes/],
    ['has other bytes', (folder) => writeFile(join(folder, 'optimizer.pt'), 'MOMENTS of 20'), /other contents/],
  ])('is the one before, when the newest %s', async (_name, damage, reason) => {
    await writeCheckpoint(10);
    await damage(await writeCheckpoint(20));
    const { checkpoint, rejected } = await findCompleteCheckpoint(output);
    expect(checkpoint).toEqual({ name: 'checkpoint-10', step: 10 });
    expect(rejected).toEqual([{ name: 'checkpoint-20', reason: expect.stringMatching(reason) as string }]);
  });

  it('is not one whose marker is of another step', async () => {
    await writeCheckpoint(20, 10);
    expect((await findCompleteCheckpoint(output)).rejected).toHaveLength(1);
  });
});
