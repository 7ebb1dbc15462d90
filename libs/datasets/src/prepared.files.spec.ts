import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PreparedFiles, type PreparedRow } from './prepared.files.js';
import { readPreparedRows } from './stored/prepared.rows.js';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'anneal-prepared-')), 'set');
});
afterEach(() => rm(dirname(folder), { recursive: true, force: true }));

const row = (number: number, train?: false): PreparedRow => {
  const untrained = train === undefined ? [] : [{ role: 'assistant', content: 'first', train }];
  const messages = [{ role: 'user', content: `row ${number}` }, ...untrained, { role: 'assistant', content: 'a' }];
  const digest = createHash('sha256').update(String(number)).digest('hex');
  return {
    ...{ number, digest, line: JSON.stringify({ messages }), untrainedTurns: train === false },
    ...{ usesTools: false, canBeAsked: true },
  };
};
interface Stored {
  messages: { content: string; train?: boolean }[];
  expected?: string;
}
const lines = async (name: string): Promise<Stored[]> =>
  (await readFile(join(folder, name), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Stored);
const trained = async (): Promise<Stored[]> => {
  const rows: Stored[] = [];
  for await (const { messages } of readPreparedRows(folder))
    rows.push({ messages: [...messages] as Stored['messages'] });
  return rows;
};
const questions = async (name: string): Promise<(string | undefined)[]> =>
  (await lines(name)).map(({ messages }) => messages[0]?.content);

describe('the prepared files', () => {
  it('hold each row on one side, and tell of those to train on in their order', async () => {
    const told: number[] = [];
    const files = await PreparedFiles.create(folder, 0.2, ({ number }) => told.push(number));
    for (let number = 0; number < 80; number += 1) files.add(row(number));
    await files.finish({ rows: 'messages', asQuestions: false });
    await files.close();
    expect(files.trained + files.heldOut).toBe(80);
    expect(files.heldOut).toBeGreaterThan(0);
    const train = (await trained()).map(({ messages }) => messages[0]?.content);
    expect(train).toEqual(told.map((number) => `row ${number}`));
    expect(await questions('held-out.jsonl')).toHaveLength(files.heldOut);
    expect((await questions('held-out.jsonl')).filter((text) => train.includes(text))).toEqual([]);
  });

  it('ask for the answer without showing it', async () => {
    const files = await PreparedFiles.create(folder, 0.5, () => undefined);
    for (let number = 0; number < 20; number += 1) files.add(row(number));
    await files.finish({ rows: 'messages', asQuestions: false });
    await files.close();
    for (const item of await lines('held-out.jsonl')) {
      expect(item.expected).toBe('a');
      expect(item.messages).toHaveLength(1);
    }
  });

  it('say of every message whether it is trained, once one is not', async () => {
    const files = await PreparedFiles.create(folder, 0, () => undefined);
    for (const each of [row(1), row(2, false)]) files.add(each);
    await files.finish({ rows: 'messages', asQuestions: false });
    await files.close();
    const told = (await trained()).map(({ messages }) => messages.map(({ train }) => train));
    expect(told).toEqual([
      [false, true],
      [false, false, true],
    ]);
  });
});
