import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { demandModelFolder } from './model-folder.js';

let folder = '';
const made: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-model-'));
  made.push(folder);
});
afterAll(() => made.forEach((path) => rmSync(path, { recursive: true, force: true })));
const write = (...names: string[]): void => names.forEach((name) => writeFileSync(join(folder, name), ''));

it('passes a folder with configuration, weights and tokenizer', async () => {
  write('config.json', 'model.safetensors', 'tokenizer.json');
  await expect(demandModelFolder(folder)).resolves.toBeUndefined();
});

it('says that a model has no tokenizer', async () => {
  write('config.json', 'model-00001-of-00002.safetensors', 'tokenizer_config.json');
  await expect(demandModelFolder(folder)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: `The model in ${folder} has no tokenizer (tokenizer.json).`,
  });
});

it('names all that is missing, and a folder that is not there', async () => {
  write('adapter_model.safetensors', 'adapter_config.json');
  await expect(demandModelFolder(folder)).rejects.toThrow('has no config.json, no tokenizer (tokenizer.json).');
  await expect(demandModelFolder(join(folder, 'no'))).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
});
