import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Conversation, TrainingRow } from '@anneal/rows';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeParquet, type SetShape } from './parquet.writer.js';
import { readPreparedRows } from './prepared.rows.js';
import { linedRow, storedLine } from './stored.line.js';
import { readParquet } from '../readers/parquet.reader.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-it's-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

// A machine that does other things starts the engine slowly.
vi.setConfig({ testTimeout: 60_000 });

const plain: SetShape = {
  ...{ rows: 'messages', withTools: false, untrainedTurns: false, asQuestions: false, longestLine: 1000 },
};
const turns = (question: string, answer: string): Conversation => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
});

async function stored(rows: readonly TrainingRow[], shape: Partial<SetShape> = {}): Promise<Buffer> {
  const lines = join(folder, 'rows.jsonl');
  await writeFile(lines, rows.map((row) => `${storedLine(row)}\n`).join(''));
  const path = join(folder, 'train.parquet');
  await writeParquet(lines, path, { ...plain, ...shape });
  return readFile(path);
}

async function back(): Promise<TrainingRow[]> {
  const rows: TrainingRow[] = [];
  for await (const row of readPreparedRows(folder)) rows.push(row);
  return rows;
}

describe('stored rows', () => {
  const odd = [
    turns('a\u0000b \u2028 "quoted" \\ \t\r\n', '数学 👩‍🚀 \uFEFF'),
    turns('true', '1e400'),
    turns(' leading', 'null'),
  ];

  it('come back as they were, whatever stands in them', async () => {
    await stored(odd);
    expect(await back()).toEqual(odd);
  });

  it('are the same bytes each time, and more rows than one group holds keep their order', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => turns(`question ${index}`, `answer ${index % 7}`));
    const bytes = await stored(rows);
    expect((await stored(rows)).equals(bytes)).toBe(true);
    expect(bytes.length).toBeLessThan(200_000);
    expect((await back()).map(({ messages }) => messages[0]?.content)).toEqual(
      rows.map(({ messages }) => messages[0]?.content),
    );
  });

  it('with calls keep arguments that no table has a type for, in their order', async () => {
    const call = (name: string, args: Record<string, unknown>): Conversation => ({
      tools: [{ type: 'function', function: { name, parameters: { z: [], a: {} } } }],
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name, arguments: args } }] },
      ],
    });
    const rows = [
      turns('q', 'a'),
      call('f', { z: 1, a: [1, 'two', null, { 10: 'ten', 9: 1.5e-7 }] }),
      call('g', { z: 'text' }),
    ];
    await stored(rows, { withTools: true });
    const read = await back();
    expect(read).toEqual(rows);
    expect(read.map(storedLine)).toEqual(rows.map(storedLine));
  });

  it('are plain text', async () => {
    const rows = ['Once', 'upon\na time'].map((text) => linedRow(JSON.stringify({ text })));
    await stored(rows, { rows: 'text' });
    expect(await back()).toEqual(rows);
  });

  it('are preference pairs, the same bytes each time', async () => {
    const messages = [{ role: 'user' as const, content: 'q\u2028"' }];
    const rows = [
      { messages, chosen: 'a', rejected: 'b' },
      { messages, chosen: '[1]', rejected: ' null' },
    ];
    const bytes = await stored(rows, { rows: 'pairs' });
    expect(await back()).toEqual(rows);
    expect((await stored(rows, { rows: 'pairs' })).equals(bytes)).toBe(true);
  });

  it('hold question and answer, too, with the system prompt before the question', async () => {
    const system: Conversation = { messages: [{ role: 'system', content: 's' }, ...turns('q', 'a').messages] };
    await stored([turns('q', 'a'), system], { asQuestions: true });
    const read: unknown[] = [];
    for await (const { rows } of readParquet(join(folder, 'train.parquet'), 'train.parquet'))
      read.push(...rows.map(({ columns: { question, answer } }) => ({ question, answer })));
    expect(read).toEqual([
      { question: 'q', answer: 'a' },
      { question: 's\n\nq', answer: 'a' },
    ]);
  });

  it('of an earlier version are lines of JSON', async () => {
    await writeFile(join(folder, 'train.jsonl'), `${storedLine(turns('q', 'a'))}\n`);
    expect(await back()).toEqual([turns('q', 'a')]);
  });

  it('may be as long as a line may be', async () => {
    const long = 'x"'.repeat(5 * 1024 * 1024);
    await stored([turns('q', long)], { longestLine: 32 * 1024 * 1024 });
    expect((await back())[0]?.messages[1]?.content === long).toBe(true);
  });
});
