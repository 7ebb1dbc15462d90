import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { specWith } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelsOf, loadBenchmarks } from './load.benchmarks.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-benchmarks-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, rows: unknown[]): string => {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'));
  return path;
};
const ask = (content: string) => [{ role: 'user', content }];
const load = (benchmark: object, dataset: string | null = folder) =>
  loadBenchmarks(specWith({ benchmarks: [benchmark as { name: 'held-out' }] }), {
    fileRoots: [folder],
    dataset: dataset ?? undefined,
    signal: new AbortController().signal,
  });
const ownSet = (path: string, more: object = {}) => ({ name: 'own-set', source: `file:${path}`, ...more });

describe('held-out', () => {
  it('asks the rows that the dataset keeps back, up to the limit', async () => {
    write('held-out.jsonl', [
      { id: 'a', messages: ask('one?'), expected: '1' },
      { id: 'b', messages: ask('two?'), expected: '2' },
    ]);
    const [questions] = await load({ name: 'held-out', limit: 1 });
    expect(questions).toMatchObject({ label: 'held-out', answerTokens: 64, stop: [] });
    expect(questions?.items).toEqual([{ id: 'a', prompt: { messages: ask('one?') }, expected: '1' }]);
  });
});

describe('own set', () => {
  it('takes conversations and bare prompts, and names lines without an id', async () => {
    const path = write('mixed.jsonl', [
      { prompt: 'one?', expected: '1' },
      '',
      { id: 7, messages: ask('two?'), expected: '2' },
    ]);
    const [questions] = await load(ownSet(path), null);
    expect(questions?.items).toEqual([
      { id: 'line-1', prompt: { prompt: 'one?' }, expected: '1' },
      { id: '7', prompt: { messages: ask('two?') }, expected: '2' },
    ]);
  });
  it('takes the expected value itself where JSON is compared', async () => {
    const path = write('values.jsonl', [{ prompt: 'x', expected: { on: true } }]);
    const [questions] = await load(ownSet(path, { score: 'json' }), null);
    expect(questions?.items[0]?.expected).toBe('{"on":true}');
  });
  it.each<[string, unknown[], number | undefined, string, object?]>([
    ['a line that is not JSON', [{ prompt: 'a', expected: 'b' }, '{"prompt":'], 2, 'is not JSON'],
    ['a line without an expected answer', [{ prompt: 'a' }], 1, 'expected'],
    ['a line without a question', [{ expected: 'a' }], 1, 'either messages or prompt'],
    ['a line with both', [{ prompt: 'a', messages: ask('a'), expected: 'a' }], 1, 'either messages or prompt'],
    [
      'a conversation that ends with the answer',
      [{ messages: [{ role: 'assistant', content: 'a' }], expected: 'a' }],
      1,
      'nothing is asked',
    ],
    [
      'an id that occurs twice',
      [
        { id: 'x', prompt: 'a', expected: 'b' },
        { id: 'x', prompt: 'b', expected: 'c' },
      ],
      2,
      'of line 1',
    ],
    ['an expected text that is no JSON', [{ prompt: 'a', expected: '{on}' }], 1, 'not JSON', { score: 'json' }],
    ['a file without items', [''], undefined, 'no item'],
  ])('refuses %s, naming file and row', async (_, rows, row, problem, more) => {
    const path = write('broken.jsonl', rows);
    await expect(load(ownSet(path, more), null)).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      file: 'broken.jsonl',
      row,
      message: expect.stringContaining(problem) as string,
    });
  });
  it('refuses a file that is not there, or not a file', async () => {
    await expect(load(ownSet(join(folder, 'nothing.jsonl')))).rejects.toMatchObject({ code: 'BENCHMARK_INVALID' });
    await expect(load(ownSet(folder))).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: expect.stringContaining('not a file') as string,
    });
  });
  it('refuses rows whose question and answer are in the training set, and names them', async () => {
    const answered = (question: string, answer: string) => ({
      messages: [...ask(question), { role: 'assistant', content: answer }],
    });
    write('train.jsonl', [
      answered('one?', '1'),
      answered('two?', 'two'),
      { messages: [...answered('hello', 'hi').messages, ...answered('three?', '3').messages] },
    ]);
    const path = write('seen.jsonl', [
      { prompt: 'one?', expected: '1' },
      { prompt: 'two?', expected: '2' },
      { messages: [{ role: 'system', content: 'Be brief.' }, ...ask('three?')], expected: '3' },
    ]);
    await expect(load(ownSet(path))).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      row: 1,
      message: 'Lines 1, 3 of seen.jsonl are in the training set too, question and answer.',
    });
    await expect(load(ownSet(path), null)).resolves.toHaveLength(1);
  });
});

it('labels benchmarks of the same name apart', () => {
  expect(labelsOf(['own-set', 'held-out', 'own-set'])).toEqual(['own-set', 'held-out', 'own-set-2']);
});
