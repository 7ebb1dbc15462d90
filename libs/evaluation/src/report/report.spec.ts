import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluationReport, type AcceptedRunSpec } from '@anneal/contracts';
import { specWith } from '@anneal/testing';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Item } from '../benchmarks/benchmark.js';
import type { LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import { scoringOf, type ScoringName } from '../scoring/score.js';
import type { AnswerPair } from '../verdict/results.js';
import { reportFiles } from './report.files.js';
import { makeReport } from './report.js';
import { reportPage } from './page.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-report-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const benchmark = (score: ScoringName, items: Item[], label = 'own-set'): LoadedBenchmark => ({
  label,
  items,
  answerTokens: 64,
  stop: [],
  ...scoringOf({ score }),
  settings: {},
});
const question = (id: string, more: Partial<Item> = {}): Item => ({
  id,
  prompt: { messages: [{ role: 'user', content: `${id}?` }] },
  expected: 'A',
  ...more,
});
/** Base's and tuned's answers to the items of a benchmark, scored as the benchmark does. */
const answered = (asked: LoadedBenchmark, texts: Record<string, [string, string]>): AnswerPair[] =>
  asked.items.map(({ id, expected }) => {
    const [baseText, tunedText] = texts[id] ?? ['', ''];
    const end = (text: string) => ({
      finish: text.endsWith('...') ? ('length' as const) : ('stop' as const),
      tokens: 3,
      seconds: 0.25,
    });
    return {
      benchmark: asked.label,
      itemId: id,
      prompt: `${id}?`,
      expected,
      sameQuestion: true,
      baseText,
      baseOutcome: asked.score(baseText, expected),
      baseEnd: end(baseText),
      tunedText,
      tunedOutcome: asked.score(tunedText, expected),
      tunedEnd: end(tunedText),
    };
  });
const spec = (more: Partial<AcceptedRunSpec['evaluation']> = {}): AcceptedRunSpec => {
  const plain = specWith({ benchmarks: [{ name: 'own-set', source: 'file:/set.jsonl' }] });
  return { ...plain, evaluation: { ...plain.evaluation, ...more } };
};
const report = (asked: LoadedBenchmark, texts: Record<string, [string, string]>, more: object = {}) =>
  makeReport({
    runId: 'run-1',
    spec: spec(),
    answers: answered(asked, texts),
    benchmarks: [asked],
    measured: { base: { revision: 'b' }, tuned: { artifact: 't' } },
    ...more,
  });

const choice = benchmark('choice', [
  question('1', { subject: 'law', options: 4 }),
  question('2', { subject: 'law', options: 4 }),
  question('3', { subject: 'math', options: 10 }),
  question('4', { subject: 'math', options: 10 }),
]);
const letters: Record<string, [string, string]> = {
  '1': ['B', 'The answer is (A).'],
  '2': ['no idea', 'A'],
  '3': ['A', 'it is unclear'],
  '4': ['A', 'A'],
};

describe('a report', () => {
  it('tells right, wrong and unparsed apart, and what a guess would have made of the last', () => {
    const { results } = report(choice, letters);
    expect(results[0]).toMatchObject({
      base: { correct: 2, wrong: 1, unparsed: 1, accuracy: 0.5, guessAdjusted: (2 + 1 / 4) / 4, truncated: 0 },
      tuned: { correct: 3, wrong: 0, unparsed: 1, accuracy: 0.75, guessAdjusted: (3 + 1 / 10) / 4 },
      gained: 2,
      lost: 1,
    });
  });
  it('has a table of the subjects, and the flips in both directions', () => {
    const { subjects, flips, items } = report(choice, letters);
    expect(subjects).toEqual({
      'own-set': [
        { subject: 'law', items: 2, base: 0, tuned: 2, gained: 2, lost: 0, pValue: 0.5 },
        { subject: 'math', items: 2, base: 2, tuned: 1, gained: 0, lost: 1, pValue: 1 },
      ],
    });
    expect(flips).toEqual({ 'own-set': { gained: ['1', '2'], lost: ['3'] } });
    expect(items[0]?.tuned).toEqual({
      answer: 'The answer is (A).',
      outcome: 'correct',
      letter: 'A',
      step: 1,
      finish: 'stop',
      tokens: 3,
      seconds: 0.25,
    });
  });
  it('says how much of a JSON answer was right, beside whether all of it was', () => {
    const asked = benchmark('json', [question('1', { expected: '{"a":1,"b":2}' })]);
    const { results, items } = report(asked, { '1': ['nothing', '{"a":1,"b":3}'] });
    expect(results[0]).toMatchObject({ base: { partial: 0, unparsed: 1 }, tuned: { partial: 0.5, correct: 0 } });
    expect(items[0]?.tuned.partial).toBe(0.5);
  });
  it('carries what the RunSpec says of guards into the verdict', () => {
    const many = benchmark(
      'exact',
      Array.from({ length: 20 }, (_, index) => question(String(index))),
      'own-set-2',
    );
    const benchmarks = specWith({
      benchmarks: [
        { name: 'own-set', source: 'file:/a.jsonl' },
        { name: 'own-set', source: 'file:/b.jsonl', guard: true, margin: 0.1 },
      ],
    }).evaluation.benchmarks;
    const lost = Object.fromEntries(many.items.map(({ id }) => [id, ['A', 'B'] as [string, string]]));
    const made = report(choice, letters, {
      spec: spec({ benchmarks }),
      answers: [...answered(choice, letters), ...answered(many, lost)],
      benchmarks: [choice, many],
    });
    expect(made.results.map(({ guard, margin }) => [guard, margin])).toEqual([
      [undefined, undefined],
      [true, 0.1],
    ]);
    expect(made).toMatchObject({ verdict: 'regressed', rule: 'guard-lost' });
  });
  it('is refused when the questions are no longer those that were asked', () => {
    const answers = answered(choice, letters).map((pair) => ({ ...pair, itemId: `${pair.itemId}0` }));
    expect(() => report(choice, letters, { answers })).toThrow(
      'Item 10 of own-set is not the same for base and tuned.',
    );
  });
  it('shows what one of the two could not be asked, and counts it nowhere', () => {
    const answers = answered(choice, letters).map((pair) =>
      pair.itemId === '1' ? { ...pair, baseText: '', baseOutcome: 'failed' as const } : pair,
    );
    const made = report(choice, letters, { answers });
    expect(made.results[0]).toMatchObject({ items: 3, base: { failed: 1, guessAdjusted: (2 + 1 / 4) / 3 }, gained: 1 });
    expect(made.subjects?.['own-set']?.[0]).toMatchObject({ subject: 'law', items: 1 });
    expect(made.flips?.['own-set']?.gained).toEqual(['2']);
    expect(made.items).toHaveLength(4);
    const page = reportPage(made);
    expect(page).toContain('own-set: 1 item is left out, since a model could not be asked: 1.');
    // Whoever could not be asked has lost nothing, and the other gained nothing.
    expect(page).not.toContain('<summary>1 ');
    expect(page).toContain('<summary>2 ');
  });
  it('says when only a sample was asked', async () => {
    const made = report(choice, letters, { benchmarks: [{ ...choice, sampledFrom: 400 }] });
    expect(made.results[0]?.sampledFrom).toBe(400);
    const page = String((await reportFiles(made, folder))[1]?.source);
    expect(page).toContain('own-set: a seeded sample of 4 of 400 items');
  });
  it('sums subjects up as the benchmark says, beside the items that decide', () => {
    const items = [question('a', { subject: 'law' }), ...['b', 'c', 'd'].map((id) => question(id, { subject: 'art' }))];
    const groups = [{ name: 'all', subjects: ['law', 'art'], weighted: false }];
    const texts = { a: ['A', 'A'], b: ['B', 'A'], c: ['B', 'B'], d: ['B', 'B'] } as const;
    const made = report({ ...benchmark('choice', items), groups }, texts as never);
    expect(made.groups).toEqual({
      'own-set': [{ group: 'all', subjects: 2, items: 4, weighted: false, base: 0.5, tuned: (1 + 1 / 3) / 2 }],
    });
    expect(made.results[0]).toMatchObject({ base: { accuracy: 0.25 }, tuned: { accuracy: 0.5 } });
    expect(reportPage(made)).toContain('own-set by group');
    expect(report(benchmark('choice', items), texts as never)).not.toHaveProperty('groups');
  });

  it('reports what it has no questions of without subjects', () => {
    const made = report(choice, letters, { benchmarks: [] });
    expect(made.subjects).toEqual({});
    expect(made.results[0]?.base.guessAdjusted).toBeUndefined();
  });
});

describe('alarms', () => {
  const kinds = (made: ReturnType<typeof report>): string[] => (made.alarms ?? []).map(({ kind }) => kind);
  const texts = (base: string, tuned: string, odd: [string, string] = ['A', 'B']): Record<string, [string, string]> =>
    Object.fromEntries(ten.items.map(({ id }, index) => [id, index === 0 ? odd : [base, tuned]]));
  const ten = benchmark(
    'choice',
    Array.from({ length: 10 }, (_, index) => question(String(index))),
  );

  it('are none for an evaluation as it should be', () => {
    expect(report(ten, texts('A', 'A')).alarms).toEqual([]);
  });
  it('are raised for more than a fifth of answers that nothing was found in', () => {
    const made = report(ten, texts('A', 'unclear', ['A', 'A']));
    expect(made.alarms).toEqual([
      {
        kind: 'unparsed',
        benchmark: 'own-set',
        message: "Nothing to compare was found in 90 % of the tuned model's answers to own-set.",
      },
    ]);
    const fifth = Object.fromEntries(
      ten.items.map(({ id }, index) => [id, ['A', index < 2 ? '?' : 'A'] as [string, string]]),
    );
    expect(kinds(report(ten, fifth))).toEqual([]);
  });
  it('are raised for answers that the limit of tokens cut off', () => {
    expect(kinds(report(ten, texts('A', 'A', ['A', 'A and then ...'])))).toEqual(['truncated']);
  });
  it('are raised when base and tuned say the same, word for word', () => {
    expect(kinds(report(ten, texts('A', 'A', ['B', 'B'])))).toEqual(['identical']);
  });
  it('are raised when the model is asked in another form than it was trained in', () => {
    const text = { ...ten, items: ten.items.map((item) => ({ ...item, prompt: { prompt: 'x' } })) };
    expect(report(text, texts('A', 'A')).alarms?.[0]?.message).toBe(
      'own-set asks 10 of 10 items as plain text, but the model was trained on its chat template.',
    );
    const plain = spec();
    const loadQa = { ...plain, training: { ...plain.training, prompt: 'load-qa' as const } };
    expect(kinds(report(ten, texts('A', 'A'), { spec: loadQa }))).toEqual(['template']);
    expect(kinds(report(text, texts('A', 'A'), { spec: loadQa }))).toEqual([]);
  });
  it('are raised when the tuned model has another template that writes something else', () => {
    const chat = (digest: string, sample: string) => ({ chat: { digest, sample } });
    const asked = (base: object, tuned: object, benchmark = ten) =>
      report(benchmark, texts('A', 'A'), { measured: { base, tuned } });
    expect(asked(chat('1', '<u>C?<a>'), chat('2', '<u>C?')).alarms).toEqual([
      {
        kind: 'template',
        message: `The tuned model's chat template is not the base's: it writes "<u>C?" where that one writes "<u>C?<a>".`,
      },
    ]);
    expect(kinds(asked(chat('1', '<u>C?'), {}))).toEqual(['template']);
    expect(kinds(asked(chat('1', '<u>C?'), chat('2', '<u>C?')))).toEqual([]);
    expect(kinds(asked({}, {}))).toEqual([]);
    const text = { ...ten, items: ten.items.map((item) => ({ ...item, prompt: { prompt: 'x' } })) };
    const [only, ...more] = asked(chat('1', 'a'), chat('2', 'b'), text).alarms ?? [];
    expect([only?.benchmark, more]).toEqual(['own-set', []]);
  });
  it('are raised for questions of benchmarks that the dataset stage left in', () => {
    const found = (flagged: number, removed: number) => ({ report: { contaminated: { flagged, removed } } });
    expect(report(ten, texts('A', 'A'), { dataset: found(5, 2) }).alarms).toEqual([
      {
        kind: 'contaminated',
        message: '3 training rows hold a question of a benchmark: what was learned there is measured, too.',
      },
    ]);
    expect(kinds(report(ten, texts('A', 'A'), { dataset: found(5, 5) }))).toEqual([]);
    expect(kinds(report(ten, texts('A', 'A'), { dataset: { rows: 1 } }))).toEqual([]);
  });
});

describe('the files of a report', () => {
  const nasty = "<script>alert(1)</script>\u0000\" onload='x' &amp; </pre>";
  const made = report(choice, { ...letters, '1': [nasty, 'A'] }, { runId: 'run-<1>' });

  it('are the report itself, a page and a table', async () => {
    const files = await reportFiles(made, folder);
    expect(files.map(({ path }) => path)).toEqual(['report.json', 'report.html', 'items.parquet']);
    expect(evaluationReport.parse(JSON.parse(String(files[0]?.source)))).toEqual(made);
  });
  it('are the same bytes each time', async () => {
    const [first, second] = [await reportFiles(made, folder), await reportFiles(made, folder)];
    expect(first.map(({ source }) => source.toString('base64'))).toEqual(
      second.map(({ source }) => source.toString('base64')),
    );
  });
  it('have a page that shows what models wrote, and does nothing of it', async () => {
    const page = String((await reportFiles(made, folder))[1]?.source);
    expect(page).toContain(
      '&lt;script&gt;alert(1)&lt;/script&gt;\uFFFD&quot; onload=&#39;x&#39; &amp;amp; &lt;/pre&gt;',
    );
    expect(page).toContain('Evaluation of run-&lt;1&gt;');
    expect(page).not.toMatch(/<script|\0|https?:|url\(|@import|src=/);
    expect(page).toContain("default-src 'none'");
    expect(page.match(/<svg/g)).toHaveLength(3);
    for (const word of ['Gained: 2', 'Lost: 1', 'law', '+25.0']) expect(page).toContain(word);
    for (const number of page.matchAll(/ (?:x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]*)"/g))
      expect(Number(number[1])).toBeGreaterThanOrEqual(0);
  });
  it('have a row for every item, which other programs can read', async () => {
    const files = await reportFiles(made, folder);
    const path = join(folder, 'read.parquet');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(path, files[2]?.source ?? '');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(
      `SELECT id, subject, base_outcome, base_letter, tuned_step, tuned_finish, tuned_seconds FROM '${path}'`,
    );
    expect(rows.getRowsJson()[0]).toEqual(['1', 'law', 'unparsed', null, 3, 'stop', 0.25]);
    expect(rows.getRowsJson()).toHaveLength(4);
    connection.closeSync();
    instance.closeSync();
  });
});
