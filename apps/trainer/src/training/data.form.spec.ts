import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeRows, type DataForm } from './data.form.js';
import { pathsFor } from './run.folder.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-rows-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const digest = 'ab'.repeat(32);
const row = {
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ],
};

async function placed(form: DataForm, files: Record<string, string>): Promise<string> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const target = join(folder, 'placed');
  await placeRows(folder, target, form, new AbortController().signal);
  return readFile(target, 'utf8');
}

describe('the rows of a prepared set', () => {
  it.each(['chat', 'load-qa', 'completion'] as const)('are handed over as they are stored for %s', async (prompt) => {
    const files = { 'train.parquet': 'PAR1', 'train.jsonl': 'not this one' };
    expect(await placed({ prompt, stored: 'parquet' }, files)).toBe('PAR1');
  });

  it('of an earlier version are lines of JSON, of questions and answers where those are trained', async () => {
    const files = { 'train.jsonl': `${JSON.stringify(row)}\n` };
    expect(await placed({ prompt: 'chat', stored: 'jsonl' }, files)).toBe(files['train.jsonl']);
    expect(JSON.parse(await placed({ prompt: 'load-qa', stored: 'jsonl' }, files))).toEqual({
      question: 'q',
      answer: 'a',
    });
  });

  it('have a name for each form, since Axolotl keeps what it made of a name', () => {
    const artifact = { kind: 'dataset', digest, bytes: 1, files: 1 } as unknown as Parameters<typeof pathsFor>[1];
    const forms: DataForm[] = [
      { prompt: 'chat', stored: 'parquet' },
      { prompt: 'chat', stored: 'jsonl' },
      { prompt: 'load-qa', stored: 'parquet' },
      { prompt: 'completion', stored: 'parquet' },
    ];
    const names = forms.map((form) => pathsFor(form, artifact).data);
    expect(new Set(names).size).toBe(forms.length);
    expect(names[0]).toBe('data/messages-abababababababab.parquet');
  });
});
