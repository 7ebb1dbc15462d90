import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PreparedFiles } from './prepared.files.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-prepared-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const conversation = (text: string) => ({
  messages: [
    { role: 'user' as const, content: text },
    { role: 'assistant' as const, content: 'a' },
  ],
});
const lines = async (name: string): Promise<{ messages: { content: string }[]; expected?: string }[]> =>
  (await readFile(join(folder, name), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { messages: { content: string }[] });

describe('the prepared files', () => {
  it('hold each row once, on one side', async () => {
    const files = await PreparedFiles.create(folder, 0.2);
    for (let number = 0; number < 100; number += 1) await files.add(conversation(`row ${number % 80}`));
    const { rows } = await files.finish('d');
    await files.close();
    expect(rows).toMatchObject({ read: 100, duplicates: 20 });
    expect(rows.train + rows.heldOut).toBe(80);
    expect(rows.heldOut).toBeGreaterThan(0);
    const train = (await lines('train.jsonl')).map(({ messages }) => messages[0]?.content);
    const heldOut = (await lines('held-out.jsonl')).map(({ messages }) => messages[0]?.content);
    expect(train).toHaveLength(rows.train);
    expect(train.filter((text) => heldOut.includes(text))).toEqual([]);
  });

  it('hold out rows of another source, and train on none of them', async () => {
    const files = await PreparedFiles.create(folder, 0);
    for (let number = 0; number < 300; number += 1) files.holdOut(conversation(`row ${number % 250}`));
    for (let number = 240; number < 300; number += 1) await files.add(conversation(`row ${number}`));
    await files.add(conversation('row 299'));
    const { rows } = await files.finish('d');
    await files.close();
    expect(rows).toEqual({ read: 61, train: 50, heldOut: 200, duplicates: 1, dropped: 10 });
    const train = (await lines('train.jsonl')).map(({ messages }) => messages[0]?.content);
    expect(train).toEqual(Array.from({ length: 50 }, (_, index) => `row ${index + 250}`));
    const heldOut = (await lines('held-out.jsonl')).map(({ messages }) => messages[0]?.content);
    expect(new Set(heldOut).size).toBe(200);
  });

  it('refuse a set of which everything is held out', async () => {
    const files = await PreparedFiles.create(folder, 0);
    files.holdOut(conversation('row'));
    await files.add(conversation('row'));
    await expect(files.finish('d.jsonl')).rejects.toMatchObject({
      code: 'DATASET_EMPTY',
      message: 'd.jsonl has no row to train on: dataset.heldOutFrom has all of them, too.',
    });
    await files.close();
  });

  it('ask for the answer without showing it', async () => {
    const files = await PreparedFiles.create(folder, 0.5);
    for (let number = 0; number < 20; number += 1) await files.add(conversation(`row ${number}`));
    await files.finish('d');
    await files.close();
    for (const item of await lines('held-out.jsonl')) {
      expect(item.expected).toBe('a');
      expect(item.messages).toHaveLength(1);
    }
  });

  it('refuse a set with nothing to train on', async () => {
    const files = await PreparedFiles.create(folder, 0);
    await expect(files.finish('d.jsonl')).rejects.toMatchObject({ code: 'DATASET_EMPTY', file: 'd.jsonl' });
    await files.close();
  });
});
