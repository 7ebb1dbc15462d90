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

const [sft, pairs] = [{ objective: 'sft' }, { objective: 'dpo' }] as const;
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
    expect(await placed({ ...sft, prompt, stored: 'parquet' }, files)).toBe('PAR1');
  });

  it('of an earlier version are lines of JSON, of questions and answers where those are trained', async () => {
    const files = { 'train.jsonl': `${JSON.stringify(row)}\n` };
    expect(await placed({ ...sft, prompt: 'chat', stored: 'jsonl' }, files)).toBe(files['train.jsonl']);
    expect(JSON.parse(await placed({ ...sft, prompt: 'load-qa', stored: 'jsonl' }, files))).toEqual({
      question: 'q',
      answer: 'a',
    });
  });

  it('are texts that are ready to be learnt from, where they are pairs for load-qa', async () => {
    const messages = row.messages.slice(0, 1);
    const stored = JSON.stringify({ messages, chosen: 'a', rejected: 'b' });
    const want = { prompt: expect.stringMatching(/USER: q\nASSISTANT:$/) as string, chosen: 'a', rejected: 'b' };
    const form = { ...pairs, prompt: 'load-qa' } as const;
    expect(JSON.parse(await placed({ ...form, stored: 'jsonl' }, { 'train.jsonl': `${stored}\n` }))).toEqual(want);
    expect(await placed({ ...pairs, prompt: 'chat', stored: 'parquet' }, { 'train.parquet': 'PAR1' })).toBe('PAR1');
  });

  it('have a name for each form, since Axolotl keeps what it made of a name', () => {
    const artifact = { kind: 'dataset', digest, bytes: 1, files: 1 } as unknown as Parameters<typeof pathsFor>[1];
    const forms: DataForm[] = [
      { ...sft, prompt: 'chat', stored: 'parquet' },
      { ...sft, prompt: 'chat', stored: 'jsonl' },
      { ...sft, prompt: 'load-qa', stored: 'parquet' },
      { ...sft, prompt: 'completion', stored: 'parquet' },
      { ...pairs, prompt: 'load-qa', stored: 'parquet' },
    ];
    const names = forms.map((form) => pathsFor(form, artifact).data);
    expect(new Set(names).size).toBe(forms.length);
    expect(names[0]).toBe('data/messages-abababababababab.parquet');
  });
});
