import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { specWith } from '@anneal/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scoreChoice } from '../../scoring/choice.js';
import { mmluProPrompt } from '../../offline/prompt.js';
import { rescoreMmluPro } from '../../offline/rescore.js';
import { extractLetter } from '../../scoring/letter.js';
import { loadBenchmarks } from '../load.benchmarks.js';
import { withFittingShots } from '../shots.js';
import { mmluData } from './mmlu-data.fixture.js';
import { mmluPrompt } from './prompt.js';
import { readTest, readValidation, type MmluExample, type MmluQuestion } from './rows.js';

const data = mmluData();
const lines = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
const context = { dataset: undefined, signal: new AbortController().signal };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-mmlu-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('extraction', () => {
  // What the benchmark's Python script finds in these texts.
  it.each<[string, string | null, number]>([
    ['The answer is (A). Wait, the answer is (B).', 'A', 1],
    ['answer is Both', 'B', 1],
    ['**The answer is (D)**', 'D', 1],
    ['The answer is\n(C).', 'C', 3],
    ['The answer is **(D)**', 'D', 3],
    ['The answer is b', null, 0],
    ['ABCDEFGHIJ', null, 0],
    ['Answer: G. Answer: H', 'H', 2],
    ['First line answer: A\nSecond line Answer: B', 'A', 2],
    ['answer:\n\n E', 'E', 2],
    ['answer: Answer: B', 'B', 2],
    ['x\r\nanswer: A\rAnswer: B', 'B', 2],
    ['Answer:\u00a0C', 'C', 2],
    ['Answer:\u001cC', 'C', 2],
    ['Answer:\u0085C', 'C', 2],
    ['Answer:\ufeffC', 'C', 3],
    ['Answer: (B)', 'B', 3],
    ['μF = 2', null, 0],
    ['point A_1 and B', 'B', 3],
    ['', null, 0],
  ])('%j gives %s in step %i', (text, letter, step) => {
    expect(extractLetter(text)).toEqual({ letter, step });
  });

  // Patterns that look back from each place, or go on from each, would need seconds to minutes for these.
  it.each([
    ['the answer: ', 10_000],
    ['Answer: ', 12_500],
    ['answer is (', 9_000],
    [' ', 100_000],
    ['A_', 50_000],
    ['A ', 50_000],
    ['answer:\n', 12_500],
    ['\u2028A', 50_000],
  ])('takes no longer for 100 kB of %j', (piece, count) => {
    const started = performance.now();
    extractLetter(piece.repeat(count));
    extractLetter(`Answer:${piece.repeat(count)}`);
    extractLetter(`${piece.repeat(count)}the answer`);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('calls an answer without a letter unparsed', () => {
    expect(scoreChoice('The answer is (C).', 'C')).toBe('correct');
    expect(scoreChoice('The answer is (C).', 'D')).toBe('wrong');
    expect(scoreChoice('no idea', 'D')).toBe('unparsed');
  });
});

describe('prompt', () => {
  it('drops options that only fill up, and letters the others', () => {
    const question: MmluQuestion = {
      question_id: 1,
      question: '1 + 1?',
      options: ['1', 'N/A', '2 '],
      answer: 'B',
      category: 'math',
    };
    const example: MmluExample = {
      ...question,
      question: '0 + 1?',
      cot_content: "A: Let's think step by step. It is $1. The answer is (A).",
    };
    expect(mmluPrompt(question, [example])).toBe(
      'The following are multiple choice questions (with answers) about math. Think step by step and then finish your answer ' +
        'with "the answer is (X)" where X is the correct letter choice.\n\n\n\n' +
        "Question:\n0 + 1?\nOptions:\nA. 1\nB. 2 \nAnswer: Let's think step by step. It is $1. The answer is (A).\n\n" +
        "Question:\n1 + 1?\nOptions:\nA. 1\nB. 2 \nAnswer: Let's think step by step.",
    );
  });
});

describe('benchmark', () => {
  const question = { question_id: 7, question: 'Which?', options: ['x', 'y', 'z'], answer: 'B', category: 'math' };
  beforeAll(() => {
    writeFileSync(
      join(folder, 'test.jsonl'),
      `${JSON.stringify(question)}\n${JSON.stringify({ ...question, question_id: 8, category: 'law' })}\n`,
    );
    writeFileSync(
      join(folder, 'validation.json'),
      JSON.stringify([{ ...question, cot_content: "A: Let's think step by step." }]),
    );
  });
  const load = (more: object, roots = [folder]) =>
    loadBenchmarks(specWith({ benchmarks: [{ name: 'mmlu-pro', source: `file:${folder}`, ...more }] }), {
      ...context,
      fileRoots: roots,
    });

  it('asks the questions of the chosen subjects', async () => {
    const [questions] = await load({ subjects: ['math'] });
    expect(questions?.items.map(({ id, expected }) => [id, expected])).toEqual([['7', 'B']]);
    expect(questions?.stop).toEqual(['Question:']);
    expect(questions?.answerTokens).toBe(2048);
  });
  it('names the subjects there are when one is unknown', async () => {
    await expect(load({ subjects: ['maths'] })).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      field: 'evaluation.benchmarks.0.subjects',
      remedy: 'Choose from law, math.',
    });
  });
  it('says what to do when the source is on the Hub', async () => {
    await expect(load({ source: 'TIGER-Lab/MMLU-Pro' })).rejects.toMatchObject({ code: 'SPEC_UNSUPPORTED' });
  });
  it('reads nothing outside the allowed folders', async () => {
    await expect(load({}, ['/nowhere'])).rejects.toMatchObject({ code: 'BENCHMARK_INVALID' });
  });
  it('brings the data here from the Hub in its revision, or from the store', async () => {
    const asked: string[][] = [];
    const spec = (source: string) =>
      specWith({ benchmarks: [{ name: 'mmlu-pro', source, revision: 'v1', subjects: ['math'] }] });
    const reach = {
      ...context,
      fileRoots: [],
      fetchDataset: async (repository: string, revision: string) => {
        asked.push([repository, revision]);
        return { directory: folder, commit: 'c0ffee' };
      },
      fetchArtifact: async (digest: string) => (asked.push([digest]), folder),
    };
    const [hub] = await loadBenchmarks(spec('TIGER-Lab/MMLU-Pro'), reach);
    const [stored] = await loadBenchmarks(spec(`artifact:${'a'.repeat(64)}`), reach);
    expect(asked).toEqual([['TIGER-Lab/MMLU-Pro', 'v1'], ['a'.repeat(64)]]);
    expect(hub?.items).toHaveLength(1);
    expect(hub?.settings).toMatchObject({ revision: 'c0ffee', asked: 'v1' });
    expect(stored?.settings).not.toHaveProperty('revision');
    expect(stored?.settings['files']).toEqual({
      'test.jsonl': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      'validation.json': expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });
  it('asks a chat model the same as a conversation, examples and all', async () => {
    const [questions] = await load({ subjects: ['math'], prompt: 'chat' });
    expect(questions).toMatchObject({ stop: [], settings: { prompt: 'chat' } });
    expect(questions?.items[0]?.prompt).toEqual({
      messages: [
        {
          role: 'user',
          content:
            'The following are multiple choice questions (with answers) about math. Think step by step and then finish ' +
            'your answer with "the answer is (X)" where X is the correct letter choice.\n\n' +
            'Question:\nWhich?\nOptions:\nA. x\nB. y\nC. z',
        },
        { role: 'assistant', content: "Let's think step by step." },
        { role: 'user', content: 'Question:\nWhich?\nOptions:\nA. x\nB. y\nC. z' },
      ],
    });
  });
  it('takes away one example at a time until the prompt fits beside the answer', async () => {
    const [questions] = await load({ subjects: ['math'] });
    const item = questions?.items[0];
    if (!questions || !item) throw new Error('a question is needed');
    // A tokenizer to which the question is 100 tokens, and each example 100 more.
    const counted: number[] = [];
    const prompts = [0, 1, 2, 3, 4, 5].map((shots) => ({ prompt: `${shots} shots` }));
    const countTokens = (prompt: object): number => {
      const tokens = 100 + 100 * prompts.findIndex((one) => one === prompt);
      counted.push(tokens);
      return tokens;
    };
    const withShots = (shots: number) => prompts[shots] ?? item.prompt;
    const fit = (contextTokens: number) =>
      withFittingShots({ ...questions, items: [{ ...item, withShots }] }, { contextTokens, countTokens });
    expect((await fit(2048 + 601)).items[0]?.prompt).toBe(prompts[5]);
    // As many tokens as there is room for are too many already: so says the benchmark's script.
    expect((await fit(2048 + 600)).items[0]?.prompt).toBe(prompts[4]);
    counted.length = 0;
    const { items, settings } = await fit(2048 + 201);
    expect(items[0]?.prompt).toBe(prompts[1]);
    expect(settings).toMatchObject({ shots: 5, contextTokens: 2249, loweredShots: { 1: 1 } });
    expect(counted).toEqual([600, 500, 400, 300, 200]);
    expect((await fit(2048)).items[0]?.prompt).toBe(prompts[0]);
  });
});

describe('a file that is not as it should be', () => {
  const good = { question_id: 7, question: 'Which?', options: ['x', 'y', 'z'], answer: 'B', category: 'math' };
  const { category: _, ...withoutCategory } = good;
  const read = (...rows: object[]) => {
    const path = join(folder, 'questions.jsonl');
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return readTest(path);
  };

  it.each<[string, object, string]>([
    ['a column that is missing', withoutCategory, 'has no column category'],
    ['an answer beyond the options', { ...good, answer: 'D' }, 'has the answer D, but only 3 options'],
    [
      'an answer on an option that only fills up',
      { ...good, options: ['x', 'y', 'z', 'N/A'], answer: 'D' },
      'only 3 options',
    ],
    ['letter and index that disagree', { ...good, answer_index: 2 }, 'has the answer B, but answer_index 2'],
    ['two options', { ...good, options: ['x', 'y'] }, 'options: must be 3 to 10 options'],
    ['eleven options', { ...good, options: [...'abcdefghijk'] }, 'options: must be 3 to 10 options'],
    ['an answer that is no letter', { ...good, answer: 'K' }, 'answer: must be a letter from A to J'],
    ['the same question twice', { ...good, question_id: 6 }, 'repeats question 6'],
  ])('is refused for %s, with its row', async (_case, row, problem) => {
    await expect(read({ ...good, question_id: 6 }, row)).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: expect.stringContaining(problem) as string,
      file: 'questions.jsonl',
      row: 2,
    });
  });
  it('takes 3 to 10 options, and the letter of question 3983, which the published set has so', async () => {
    const rows = [
      { ...good, options: [...'abc'] },
      { ...good, question_id: 8, options: [...'abcdefghij'], answer: 'J', answer_index: 9 },
      { ...good, question_id: 3983, answer: 'C', answer_index: 1 },
    ];
    expect((await read(...rows)).map(({ answer }) => answer)).toEqual(['B', 'J', 'C']);
  });
  it('is refused when it cannot be unpacked or is no parquet', async () => {
    for (const name of ['test.jsonl.gz', 'test.parquet']) {
      const path = join(folder, name);
      writeFileSync(path, 'neither');
      await expect(readTest(path)).rejects.toMatchObject({ code: 'BENCHMARK_INVALID', file: name });
      rmSync(path);
    }
  });
});

describe('the published files', () => {
  beforeEach(({ skip }) =>
    skip(data === undefined, 'the files of MMLU-Pro are not here; MMLU_PRO_DATA names their folder'),
  );
  const root = data ?? '';
  const cases = z.array(z.object({ text: z.string(), expected: z.string().nullable(), step: z.number() }));
  const golden = z.array(z.object({ question_id: z.number(), k: z.number(), prompt: z.string() }));

  it('gives every letter of the recorded cases', () => {
    for (const { text, expected, step } of cases.parse(
      lines(readFileSync(join(root, 'extraction-cases.jsonl'), 'utf8')),
    )) {
      expect({ text, ...extractLetter(text) }).toEqual({ text, letter: expected, step });
    }
  });
  it.each(['.', 'hf', 'hf/data', 'math-test.jsonl.gz', 'sample-20-per-category.jsonl.gz'])(
    'finds the questions in %s',
    async (path) => {
      const rows = await readTest(join(root, path));
      expect(rows.length).toBe({ 'math-test.jsonl.gz': 1351, 'sample-20-per-category.jsonl.gz': 280 }[path] ?? 12_032);
    },
  );
  it('renders the golden prompts byte for byte, from parquet as from JSON lines', async () => {
    const test = await readTest(join(root, 'hf'));
    const fromParquet = await readValidation(join(root, 'hf'));
    expect(test).toHaveLength(12_032);
    expect(fromParquet).toEqual(await readValidation(root));
    for (const { question_id, k, prompt } of golden.parse(
      lines(readFileSync(join(root, 'golden-prompts.jsonl'), 'utf8')),
    )) {
      const question = test.find((row) => row.question_id === question_id);
      if (!question) throw new Error(`question ${question_id} is missing`);
      const examples = fromParquet.filter(({ category }) => category === question.category).slice(0, k);
      expect(mmluPrompt(question, examples)).toBe(prompt);
    }
  });
  // The digests are of lines "question_id letter step", joined by line feeds, as the three patterns of the benchmark's own
  // script give them in Python 3 (evaluate_from_local.py): not one letter of the 4,053 differs.
  it.each([
    ['gemma-7b', 372, 254, '288087e779006a22c18bc5a1bb3c1b28a1bb11945acda06190ee43950d9007bf'],
    ['Llama-2-7b-hf', 116, 541, '07378071757999c2efca0f26645aa092cf629a0739fd8fd4e81025ef0c6486b9'],
    ['Mistral-7B-v0.1', 278, 288, 'a2c1bebdc3dcd6386a6b3a7ff6136261fe904c0c2da919738808525998a6c0c7'],
  ])('scores the published answers of %s as the script does', async (model, correct, unparsed, digest) => {
    const outputs = join(root, 'published', `${model}-math.jsonl.gz`);
    const rescored = await rescoreMmluPro({ data: join(root, 'math-test.jsonl.gz'), outputs });
    expect(rescored).toMatchObject({ n: 1351, correct, unparsed, wrong: 1351 - correct - unparsed, otherAnswers: 0 });
    const found = rescored.items.map(({ question_id, letter, step }) => `${question_id} ${letter ?? '-'} ${step}`);
    expect(createHash('sha256').update(found.join('\n')).digest('hex')).toBe(digest);
  });
  it('prints the golden prompts for whoever asks for one', async () => {
    const [first] = golden.parse(lines(readFileSync(join(root, 'golden-prompts.jsonl'), 'utf8')));
    if (!first) throw new Error('a golden prompt is needed');
    const asked = { data: join(root, 'math-test.jsonl.gz'), question: first.question_id, shots: first.k };
    expect(await mmluProPrompt(asked)).toBe(first.prompt);
    await expect(mmluProPrompt({ ...asked, question: 1 })).rejects.toMatchObject({ code: 'BENCHMARK_INVALID' });
    await expect(mmluProPrompt({ ...asked, shots: 6 })).rejects.toMatchObject({
      remedy: 'Ask for at most 5 (--shots).',
    });
  });
  it('asks a sample in which every subject has its share', async () => {
    const source = `file:${join(root, 'hf')}`;
    const [questions] = await loadBenchmarks(specWith({ benchmarks: [{ name: 'mmlu-pro', source, limit: 140 }] }), {
      ...context,
      fileRoots: [root],
    });
    const math = questions?.items.filter(({ subject }) => subject === 'math').length;
    expect(questions?.items).toHaveLength(140);
    // 1351 of 12032 are 11.2 %.
    expect(math).toBe(16);
    expect(questions?.settings['sample']).toEqual({ items: 140, of: 12_032, seed: 42 });
  });
});
