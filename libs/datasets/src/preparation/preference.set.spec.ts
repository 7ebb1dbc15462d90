import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataReport, type DataReport } from '@anneal/contracts';
import type { TrainingRow } from '@anneal/rows';
import { letterTokenizer } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readPreparedRows } from '../stored/prepared.rows.js';
import { prepareSet } from './prepare.set.js';
import type { SetInput } from './set.input.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-pairs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
// A machine that does other things starts threads slowly.
vi.setConfig({ testTimeout: 60_000 });

const training: SetInput['training'] = {
  ...{ objective: 'dpo', prompt: 'chat', sequenceLength: undefined, epochs: 1, maxSteps: undefined },
  ...{ microBatch: undefined, gradientAccumulation: undefined, gpus: undefined },
};
const wishes = { mostBadRows: 0.5, nearDuplicates: 0.75, decontamination: 'remove', decontaminationWords: 13 } as const;

let made = 0;
async function prepared(rows: readonly object[], more: Partial<SetInput> = {}) {
  made += 1;
  const [path, directory] = [join(folder, 'd.jsonl'), join(folder, `set-${made}`)];
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const input: SetInput = {
    source: { name: 'd', files: [{ path, name: 'd.jsonl', format: 'jsonl' }] },
    ...{ dataset: wishes, training, heldOut: 0, tokenizer: letterTokenizer, benchmarks: [], uncheckedBenchmarks: [] },
    ...more,
  };
  const report: DataReport = dataReport.parse(
    await prepareSet(input, { directory, signal: new AbortController().signal }),
  );
  const stored = async (name: string): Promise<unknown[]> =>
    (await readFile(join(directory, name), 'utf8'))
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  const trained: TrainingRow[] = [];
  for await (const row of readPreparedRows(directory)) trained.push(row);
  return { report, stored, trained };
}

const words = (word: string): string => Array.from({ length: 60 }, (_, index) => `${word}${index}`).join(' ');
const pair = { prompt: 'u', chosen: 'yes', rejected: 'n' };

describe('a set of preference pairs', () => {
  it('is stored as what was asked and two answers, whatever form it came in', async () => {
    const openai = {
      input: { messages: [{ role: 'user', content: 'u' }] },
      preferred_output: [{ role: 'assistant', content: 'yes' }],
      non_preferred_output: [{ role: 'assistant', content: 'n' }],
    };
    const { report, trained } = await prepared([openai]);
    expect(trained).toEqual([{ messages: [{ role: 'user', content: 'u' }], chosen: 'yes', rejected: 'n' }]);
    expect(report).toMatchObject({ train: 1, format: { name: 'openai-preference' } });
  });

  it('has both answers counted, shown, and learnt from', async () => {
    const { report } = await prepared([pair]);
    // Three marks and the letters of both turns up to the answer; the line end behind it, Axolotl cuts.
    const [asked, chosen, rejected] = [3 + 7 + 10, 4, 2];
    expect(report.tokens).toMatchObject({
      pairs: { prompt: asked, chosen, rejected },
      total: 2 * asked + chosen + rejected,
      trained: chosen + rejected,
      percentiles: { max: asked + chosen },
      mean: asked + chosen,
    });
    const [shown] = report.preview;
    expect(shown?.parts.filter(({ trained }) => trained)).toEqual([{ text: 'yes<|im_end|>', trained: true }]);
    expect(shown?.rejected?.filter(({ trained }) => trained)).toEqual([{ text: 'n<|im_end|>', trained: true }]);
  });

  it('drops what is wrong, too long, said before or part of a benchmark, and says so', async () => {
    const rows = [
      pair,
      pair,
      { ...pair, chosen: 'n' },
      { ...pair, rejected: '' },
      { ...pair, rejected: 'x'.repeat(3000) },
      { prompt: words('p'), chosen: words('c'), rejected: words('r') },
      { prompt: words('p'), chosen: words('c').replace('c30', 'other'), rejected: words('r') },
      { prompt: 'q', chosen: 'a', rejected: `Well: ${words('exam')}` },
      { prompt: 'q', chosen: 'a', rejected: 'b' },
    ];
    const benchmarks = [{ benchmark: 'exam', item: '7', text: words('exam') }];
    const { report } = await prepared(rows, { benchmarks, tokenizer: letterTokenizer });
    expect(report).toMatchObject({
      ...{ rows: 9, train: 3, dropped: 3 },
      duplicates: { exact: 1, near: 1 },
      decontamination: { removed: 1, matches: [{ item: '7', row: 8 }] },
    });
    expect(report.problems.map(({ code }) => code)).toEqual(['answers-equal', 'over-long', 'rejected-missing']);
  });

  it('asks for the preferred answer where rows are held out', async () => {
    const rows = Array.from({ length: 20 }, (_, index) => ({ ...pair, prompt: `What is ${index}?` }));
    const { report, stored } = await prepared(rows, { heldOut: 0.5, dataset: { ...wishes, nearDuplicates: 1 } });
    expect(report.train + report.heldOut).toBe(20);
    const [item] = await stored('held-out.jsonl');
    expect(item).toMatchObject({
      messages: [{ role: 'user', content: expect.stringMatching(/^What is \d+\?$/) as string }],
      expected: 'yes',
    });
  });

  it('has all pairs of one prompt on the same side', async () => {
    const rows = Array.from({ length: 60 }, (_, index) => ({
      ...{ prompt: `What is ${index % 20}?`, chosen: `yes ${index}`, rejected: 'no' },
    }));
    const { stored, trained } = await prepared(rows, { heldOut: 0.5, dataset: { ...wishes, nearDuplicates: 1 } });
    const prompts = (of: readonly { messages: readonly { content: string }[] }[]): string[] =>
      of.map(({ messages }) => messages[0]?.content ?? '');
    const items = (await stored('held-out.jsonl')) as { id: string; messages: { content: string }[] }[];
    const [train, heldOut] = [prompts(trained), prompts(items)];
    expect(train.length + heldOut.length).toBe(60);
    expect(heldOut.length).toBeGreaterThan(0);
    expect(heldOut.filter((prompt) => train.includes(prompt))).toEqual([]);
    const ids = items.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is refused where plain text comes, and loses rows with tools and several turns of load-qa', async () => {
    await expect(prepared([{ text: 't' }])).rejects.toMatchObject({ code: 'DATASET_COLUMN_MISSING' });
    const asked = [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'v' },
    ];
    const rows = [pair, { ...pair, prompt: asked }, { ...pair, tools: [{ name: 'f' }] }];
    const { report, trained } = await prepared(rows, {
      training: { ...training, prompt: 'load-qa' },
      dataset: { ...wishes, mostBadRows: 2 },
    });
    expect(trained).toHaveLength(1);
    expect(report.problems).toMatchObject([{ code: 'unsupported', rows: 2, first: [{ row: 2 }, { row: 3 }] }]);
  });

  it('is refused at once where rows with one answer come, and the reverse', async () => {
    const answers = [
      {
        messages: [
          { role: 'user', content: 'u' },
          { role: 'assistant', content: 'a' },
        ],
      },
    ];
    await expect(prepared(answers)).rejects.toMatchObject({
      code: 'DATASET_COLUMN_MISSING',
      field: 'training.objective',
      message: expect.stringContaining('one answer each') as string,
    });
    await expect(prepared([pair], { training: { ...training, objective: 'sft' } })).rejects.toMatchObject({
      code: 'DATASET_COLUMN_MISSING',
      field: 'training.objective',
      message: expect.stringContaining('These are preference pairs') as string,
    });
  });
});
