import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { specWith } from '@anneal/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scoreChoice } from '../../scoring/choice.js';
import { extractLetter } from '../../scoring/letter.js';
import { loadBenchmarks } from '../load.benchmarks.js';
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

  it('takes no longer for a long answer without a letter', () => {
    const started = performance.now();
    extractLetter('the answer: '.repeat(20_000));
    extractLetter(`Answer:${' '.repeat(200_000)}`);
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
});

describe('the published files', () => {
  beforeEach(({ skip }) =>
    skip(data === undefined, 'the files of MMLU-Pro are not here; MMLU_PRO_DATA names their folder'),
  );
  const root = data ?? '';
  const cases = z.array(z.object({ text: z.string(), expected: z.string().nullable(), step: z.number() }));
  const golden = z.array(z.object({ question_id: z.number(), k: z.number(), prompt: z.string() }));
  const outputs = z.array(z.object({ answer: z.string(), model_outputs: z.string() }));

  it('gives every letter of the recorded cases', () => {
    for (const { text, expected, step } of cases.parse(
      lines(readFileSync(join(root, 'extraction-cases.jsonl'), 'utf8')),
    )) {
      expect({ text, ...extractLetter(text) }).toEqual({ text, letter: expected, step });
    }
  });
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
  it.each([
    ['gemma-7b', 0.2754, 254],
    ['Llama-2-7b-hf', 0.0859, 541],
    ['Mistral-7B-v0.1', 0.2058, 288],
  ])('scores the published answers of %s as measured elsewhere', (model, accuracy, unparsed) => {
    const text = gunzipSync(readFileSync(join(root, 'published', `${model}-math.jsonl.gz`))).toString('utf8');
    const outcomes = outputs.parse(lines(text)).map(({ answer, model_outputs }) => scoreChoice(model_outputs, answer));
    expect(outcomes).toHaveLength(1351);
    expect(outcomes.filter((outcome) => outcome === 'unparsed')).toHaveLength(unparsed);
    expect(outcomes.filter((outcome) => outcome === 'correct').length / 1351).toBeCloseTo(accuracy, 4);
  });
});
