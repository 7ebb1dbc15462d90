import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { overlayTokenizer, requireApplied } from './merged.model.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-merged-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function make(name: string, files: Record<string, string>): Promise<string> {
  const directory = join(folder, name);
  await mkdir(directory);
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  return directory;
}

describe('overlayTokenizer', () => {
  it("puts the trained tokenizer in the place of the base model's", async () => {
    const adapter = await make('adapter', {
      'tokenizer.json': 'trained',
      'chat_template.jinja': 'trained',
      'adapter_config.json': 'x',
    });
    const merged = await make('merged', {
      'model.safetensors': 'w',
      'tokenizer.json': 'base',
      'vocab.json': 'base',
      'config.json': 'c',
    });
    await overlayTokenizer(adapter, merged);
    expect((await readdir(merged)).sort()).toEqual([
      'chat_template.jinja',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(await readFile(join(merged, 'tokenizer.json'), 'utf8')).toBe('trained');
  });

  it("keeps the base model's when the training left none", async () => {
    const merged = await make('merged', { 'tokenizer.json': 'base' });
    await overlayTokenizer(await make('adapter', { 'adapter_config.json': 'x' }), merged);
    expect(await readdir(merged)).toEqual(['tokenizer.json']);
  });
});

describe('requireApplied', () => {
  it('is content with a merge that changed tensors', () => {
    expect(() => requireApplied('[INFO] Applied LoRA to 210/272 tensors')).not.toThrow();
  });

  it.each(['[INFO] Applied LoRA to 0/272 tensors', 'nothing of the kind'])('refuses a merge that says: %s', (log) => {
    expect(() => requireApplied(log)).toThrowError(expect.objectContaining({ code: 'MERGE_MISMATCH' }) as Error);
  });
});
