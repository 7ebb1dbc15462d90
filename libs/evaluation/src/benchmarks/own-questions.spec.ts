import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { specWith } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelsOf, loadBenchmarks } from './load.benchmarks.js';
import { stratifiedSample } from './sample.js';

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
const load = (benchmark: object, dataset: string | null = folder, more: object = {}) =>
  loadBenchmarks(specWith({ benchmarks: [benchmark as { name: 'held-out' }] }), {
    ...more,
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
    const [questions] = await load({ name: 'held-out', limit: 1, seed: 2 });
    expect(questions).toMatchObject({ label: 'held-out', answerTokens: 64, stop: [] });
    expect(questions?.items).toHaveLength(1);
    expect(questions?.settings['sample']).toEqual({ items: 1, of: 2, seed: 2 });
    expect((await load({ name: 'held-out' }))[0]?.items).toContainEqual(questions?.items[0]);
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
  it('shows the options of a multiple choice under letters, and takes the expected one by letter or by text', async () => {
    const options = ['Rome', 'Paris', 'Bonn'];
    const path = write('choice.jsonl', [
      { id: 'a', subject: 'europe', prompt: 'Capital of France?', options, expected: 'Paris' },
      { id: 'b', messages: ask('Capital of Italy?'), options, expected: 'A' },
    ]);
    const [questions] = await load(ownSet(path, { score: 'choice' }), null);
    expect(questions?.items).toEqual([
      {
        id: 'a',
        subject: 'europe',
        prompt: { prompt: 'Capital of France?\nA. Rome\nB. Paris\nC. Bonn\nAnswer:' },
        expected: 'B',
        options: 3,
      },
      {
        id: 'b',
        prompt: {
          messages: ask('Capital of Italy?\n\nA. Rome\nB. Paris\nC. Bonn\n\nGive the letter of the right option.'),
        },
        expected: 'A',
        options: 3,
      },
    ]);
  });
  it('asks after several turns, too', async () => {
    const messages = [...ask('Hello'), { role: 'assistant', content: 'Hi' }, ...ask('one?')];
    const [questions] = await load(ownSet(write('turns.jsonl', [{ messages, expected: '1' }])), null);
    expect(questions?.items[0]?.prompt).toEqual({ messages });
  });
  it('takes the files of a stored artifact', async () => {
    const stored = mkdtempSync(join(folder, 'artifact-'));
    writeFileSync(join(stored, 'b.jsonl'), '{"id":"b","prompt":"two?","expected":"2"}\n');
    writeFileSync(join(stored, 'a.jsonl'), '{"id":"a","prompt":"one?","expected":"1"}\n');
    const source = { name: 'own-set', source: `artifact:${'a'.repeat(64)}` };
    const [questions] = await load(source, null, { fetchArtifact: async () => stored });
    expect(questions?.items.map(({ id }) => id)).toEqual(['a', 'b']);
    await expect(load(source, null)).rejects.toMatchObject({ code: 'SPEC_UNSUPPORTED' });
    writeFileSync(join(stored, 'b.jsonl'), '{"id":"a","prompt":"two?","expected":"2"}\n');
    await expect(load(source, null, { fetchArtifact: async () => stored })).rejects.toMatchObject({
      message: 'Line 1 of b.jsonl has the id "a" of line 1 of a.jsonl.',
    });
  });
  it('ignores nothing unless answers are compared as exact_match of lm-eval does', async () => {
    const path = write('set.jsonl', [{ prompt: 'a', expected: 'b' }]);
    const loaded = await load(ownSet(path, { score: 'lm-eval:exact_match', ignore: ['case'] }), null);
    expect(loaded[0]?.settings).toMatchObject({ score: 'lm-eval:exact_match', ignore: ['case'] });
    expect(loaded[0]?.score('B', 'b')).toBe('correct');
    await expect(load(ownSet(path, { ignore: ['case'] }), null)).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      field: 'evaluation.benchmarks.0.score',
    });
  });
  it('refuses a tolerance for anything but numbers', async () => {
    const path = write('tolerant.jsonl', [{ prompt: 'pi?', expected: 3.1416 }]);
    expect(await load(ownSet(path, { score: 'number', tolerance: 0.01 }), null)).toHaveLength(1);
    await expect(load(ownSet(path, { tolerance: 0.01 }), null)).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      field: 'evaluation.benchmarks.0.score',
    });
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
    ['an expected number that is none', [{ prompt: 'a', expected: 'NaN' }], 1, 'not a finite one', { score: 'number' }],
    ['a pattern that is none', [{ prompt: 'a', expected: '(' }], 1, 'RE2', { score: 'regex' }],
    [
      'a letter beyond the options',
      [{ prompt: 'a', options: ['x', 'y'], expected: 'C' }],
      1,
      'expects C, but has only 2 options',
      { score: 'choice' },
    ],
    ['options that nobody looks at', [{ prompt: 'a', options: ['x', 'y'], expected: 'x' }], 1, 'score "choice"'],
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
  it.each(['chosen', 'rejected'])('is refused for a question whose answer is the %s one of a pair', async (side) => {
    const answers = { chosen: 'other', rejected: 'another', [side]: '1' };
    write('train.jsonl', [{ messages: ask('one?'), ...answers }]);
    await expect(load(ownSet(write('pair.jsonl', [{ prompt: 'one?', expected: '1' }])))).rejects.toMatchObject({
      message: 'Line 1 of pair.jsonl is in the training set too, question and answer.',
    });
  });
  it.each<[string, object, object, string]>([
    ['case and white space', { prompt: ' ONE?\n', expected: 'The  answer' }, {}, 'the answer'],
    [
      'another way to write the same object',
      { prompt: 'one?', expected: { a: 1, b: 2 } },
      { score: 'json' },
      '{"b":2,"a":1.0}',
    ],
    ['an answer that the pattern would take', { prompt: 'one?', expected: 'par(is)?' }, { score: 'regex' }, 'to paris'],
    ['an answer with the same number', { prompt: 'one?', expected: 42 }, { score: 'number' }, 'So it is 42.'],
    [
      'the text of the right option',
      { prompt: 'one?', options: ['Rome', 'Paris'], expected: 'B' },
      { score: 'choice' },
      'paris',
    ],
  ])('is refused for %s in the training set', async (_, item, more, answer) => {
    write('train.jsonl', [{ messages: [...ask('one?'), { role: 'assistant', content: answer }] }]);
    await expect(load(ownSet(write('near.jsonl', [item]), more))).rejects.toMatchObject({
      message: 'Line 1 of near.jsonl is in the training set too, question and answer.',
    });
  });
});

describe('a sample', () => {
  const items = Array.from({ length: 100 }, (_, index) => ({
    id: String(index),
    subject: index < 70 ? 'big' : 'small',
  }));
  const sample = (limit: number | undefined, seed = 42) =>
    stratifiedSample(items, { limit, seed, idOf: ({ id }) => id, subjectOf: ({ subject }) => subject });

  it('keeps the share of each subject, and the order', () => {
    const chosen = sample(20);
    expect(chosen.filter(({ subject }) => subject === 'big')).toHaveLength(14);
    expect(chosen).toHaveLength(20);
    expect(chosen.map(({ id }) => Number(id))).toEqual(chosen.map(({ id }) => Number(id)).toSorted((a, b) => a - b));
  });
  it('is the same for the same seed, and another for another', () => {
    expect(sample(20)).toEqual(sample(20));
    expect(sample(20, 1)).not.toEqual(sample(20, 2));
  });
  it('is everything when the limit is no smaller', () => {
    expect(sample(100)).toHaveLength(100);
    expect(sample(undefined)).toHaveLength(100);
    expect(sample(1)).toHaveLength(1);
  });
});

it('labels benchmarks of the same name apart', () => {
  const named = ['own-set', 'held-out', 'own-set'].map((name) => ({ name }));
  expect(labelsOf(named)).toEqual(['own-set', 'held-out', 'own-set-2']);
  const tasks = ['arc_easy', 'piqa'].map((task) => ({ name: 'lm-eval', task }));
  expect(labelsOf(tasks)).toEqual(['lm-eval:arc_easy', 'lm-eval:piqa']);
});
