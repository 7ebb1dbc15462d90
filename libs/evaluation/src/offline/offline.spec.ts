import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareItemFiles } from './compare.js';
import { mmluProPrompt } from './prompt.js';
import { rescoreMmluPro } from './rescore.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-offline-'));
  const question = { question: 'Which?', options: ['x', 'y', 'z', 'w'], answer: 'B', category: 'math' };
  write(
    'test.jsonl',
    [1, 2, 3].map((id) => ({ question_id: id, ...question })),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  const text = rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text);
  return path;
}

describe('scoring stored outputs', () => {
  const rescore = (outputs: string) => rescoreMmluPro({ data: folder, outputs });

  it('counts right, wrong and unparsed apart, in either of the two forms that there are', async () => {
    const outputs = write('outputs.jsonl.gz', [
      { question_id: 3, model_outputs: 'The answer is (B).', answer: 'B' },
      { question_id: '1', model_outputs: 'Answer: A', answer: 'A' },
      { question_id: 2, generated_text: 'no idea' },
    ]);
    expect(await rescore(outputs)).toEqual({
      n: 3,
      correct: 1,
      wrong: 1,
      unparsed: 1,
      accuracy: 1 / 3,
      guessAdjusted: (1 + 1 / 4) / 3,
      otherAnswers: 1,
      items: [
        { question_id: 3, letter: 'B', step: 1, correct: true },
        { question_id: 1, letter: 'A', step: 2, correct: false },
        { question_id: 2, letter: null, step: 0, correct: false },
      ],
    });
  });
  it.each<[string, unknown[], string]>([
    [
      'a question that the data has not',
      [{ question_id: 9, model_outputs: 'A' }],
      'Row 1 of bad.jsonl answers question 9',
    ],
    ['an output without text', [{ question_id: 1, model_outputs: null }], 'Row 1 of bad.jsonl has no question_id'],
    [
      'two outputs for a question',
      [
        { question_id: 1, model_outputs: 'A' },
        { question_id: 1, model_outputs: 'B' },
      ],
      'Row 2 of bad.jsonl repeats question 1 of row 1',
    ],
    ['half a line', ['{"question_id": 1, "model_out'], 'Line 1 of bad.jsonl is not JSON'],
    ['no output at all', [], 'bad.jsonl has no output'],
  ])('is refused for %s', async (_, rows, problem) => {
    await expect(rescore(write('bad.jsonl', rows))).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: expect.stringContaining(problem) as string,
    });
  });
  it('is refused for files that are not there or are cut off', async () => {
    await expect(rescore(join(folder, 'nothing.jsonl'))).rejects.toMatchObject({ code: 'BENCHMARK_INVALID' });
    const cut = join(folder, 'cut.jsonl.gz');
    writeFileSync(cut, gzipSync('{"question_id": 1, "model_outputs": "B"}\n').subarray(0, 30));
    await expect(rescore(cut)).rejects.toMatchObject({
      message: expect.stringContaining('cannot be unpacked') as string,
    });
    await expect(rescoreMmluPro({ data: join(folder, 'none'), outputs: cut })).rejects.toMatchObject({
      message: expect.stringContaining('no test file of MMLU-Pro') as string,
    });
  });
});

describe('comparing item files', () => {
  const policy = { alpha: 0.05, minimumEffect: 0 };
  const items = (name: string, right: (index: number) => unknown, count = 100) =>
    write(
      name,
      Array.from({ length: count }, (_, index) => ({ id: `q${index}`, correct: right(index) })),
    );

  it('makes the paired test', async () => {
    // 40 both right, 5 lost, 20 gained, 35 neither.
    const base = items('base.jsonl', (index) => index < 45);
    const tuned = items('tuned.jsonl', (index) => (index < 40 || (index >= 45 && index < 65) ? 1 : 0));
    const comparison = await compareItemFiles(base, tuned, policy);
    expect(comparison).toMatchObject({
      n: 100,
      base: { correct: 45, accuracy: 0.45 },
      tuned: { correct: 60, accuracy: 0.6 },
      difference: 0.15,
      // 2 * sum(comb(25, k) for k <= 5) / 2 ** 25.
      pValue: expect.closeTo(0.004077315330505371, 12) as number,
      flips: { gained: 20, lost: 5 },
      verdict: 'improved',
    });
    expect(comparison.flipped.lost).toEqual(['q40', 'q41', 'q42', 'q43', 'q44']);
    expect((await compareItemFiles(tuned, base, policy)).verdict).toBe('regressed');
    expect((await compareItemFiles(base, base, policy)).verdict).toBe('inconclusive');
    expect((await compareItemFiles(base, tuned, { ...policy, minimumEffect: 0.2 })).verdict).toBe('inconclusive');
  });
  it('pairs by id, not by line', async () => {
    const base = write('some.jsonl', [
      { id: 1, correct: true },
      { id: 2, correct: false },
    ]);
    const tuned = write('others.jsonl', [
      { question_id: '2', correct: false },
      { question_id: '1', correct: true },
    ]);
    expect((await compareItemFiles(base, tuned, policy)).flips).toEqual({ gained: 0, lost: 0 });
  });
  it('is refused when the files are not of the same items', async () => {
    const few = items('few.jsonl', () => true, 3);
    const more = items('more.jsonl', () => true, 10);
    const message = 'few.jsonl lacks the items q3, q4, q5, q6, q7 and 2 more.';
    await expect(compareItemFiles(few, more, policy)).rejects.toMatchObject({ code: 'BENCHMARK_INVALID', message });
    await expect(compareItemFiles(more, few, policy)).rejects.toMatchObject({ message });
  });
  it.each<[string, unknown[], string]>([
    ['an item without an outcome', [{ id: 'a' }], 'Row 1'],
    ['an outcome that is a word', [{ id: 'a', correct: 'yes' }], 'Row 1'],
    ['an outcome that is no number', ['{"id":"a","correct":NaN}'], 'is not JSON'],
    [
      'an id that occurs twice',
      [
        { id: 'a', correct: true },
        { id: 'a', correct: false },
      ],
      'repeats the item a',
    ],
    ['a file without items', [], 'has no item'],
  ])('is refused for %s', async (_, rows, problem) => {
    const path = write('wrong.jsonl', rows);
    await expect(compareItemFiles(path, path, policy)).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: expect.stringContaining(problem) as string,
    });
  });
});

describe('printing a prompt', () => {
  it('needs no validation split when there are to be no examples', async () => {
    expect(await mmluProPrompt({ data: folder, question: 2, shots: 0 })).toMatch(/Which\?\nOptions:\nA\. x[^]*step\.$/);
    await expect(mmluProPrompt({ data: folder, question: 2, shots: 1 })).rejects.toMatchObject({
      message: expect.stringContaining('no validation file') as string,
    });
  });
});
