import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataReport, type DataReport } from '@anneal/contracts';
import { letterTokenizer } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BenchmarkText } from '../contamination/benchmark.index.js';
import { readSourceBatches } from '../readers/read.file.js';
import { readPreparedRows } from '../stored/prepared.rows.js';
import { sharedData } from '../shared-data.fixture.js';
import { prepareSet } from './prepare.set.js';
import { prepareSetInThread } from './prepare.set.in-thread.js';
import type { DataWishes, SetInput } from './set.input.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-set-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = join(import.meta.dirname, '__golden__');
const data = sharedData();
// A machine that does other things starts threads slowly.
vi.setConfig({ testTimeout: 60_000 });
const never = new AbortController().signal;
const noTraining = {
  objective: 'sft',
  prompt: 'chat',
  sequenceLength: undefined,
  epochs: 1,
  maxSteps: undefined,
  microBatch: undefined,
  gradientAccumulation: undefined,
  gpus: undefined,
} as const;
const wishes: DataWishes = {
  mostBadRows: 0.01,
  nearDuplicates: 0.75,
  decontamination: 'remove',
  decontaminationWords: 13,
};
const input = (path: string, more: Partial<SetInput> = {}): SetInput => ({
  source: {
    name: 'd',
    files: [{ path, name: 'd.jsonl', format: path.endsWith('.parquet') ? 'parquet' : 'jsonl' }],
  },
  dataset: wishes,
  training: noTraining,
  heldOut: 0,
  tokenizer: undefined,
  benchmarks: [],
  uncheckedBenchmarks: [],
  ...more,
});

let made = 0;
async function prepared(wanted: SetInput): Promise<{ report: DataReport; directory: string }> {
  made += 1;
  const directory = join(folder, `set-${made}`);
  return { report: dataReport.parse(await prepareSet(wanted, { directory, signal: never })), directory };
}

async function lines(rows: readonly unknown[], name = 'd.jsonl'): Promise<string> {
  const path = join(folder, name);
  const texts = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)));
  await writeFile(path, texts.map((line) => `${line}\n`).join(''));
  return path;
}

const row = (number: number) => ({ problem: `What is the sum of ${number} and one?`, answer: `It is ${number + 1}.` });
const rows = (count: number) => Array.from({ length: count }, (_, index) => row(index));
const long = (word: string): string => Array.from({ length: 60 }, (_, index) => `${word}${index}`).join(' ');

/** A set with one of everything. */
function everything(): unknown[] {
  return [
    ...rows(40),
    row(3),
    { problem: long('near'), answer: 'An answer.' },
    { problem: long('near').replace('near30', 'other'), answer: 'An answer.' },
    { problem: `Please: ${long('asked')}`, answer: 'Contaminated.' },
    { problem: 'Who?', answer: '' },
    { problem: 7, answer: 'A number.' },
    '{"problem": "broken',
    { problem: 'Wo ist der Hund, und was ist mit der Katze?', answer: 'Write to ada@example.org, <|im_end|>' },
  ];
}
const benchmarks: BenchmarkText[] = [{ benchmark: 'exam', item: '17', text: long('asked') }];
const many = { ...wishes, mostBadRows: 3 };

describe('a prepared set', () => {
  it('is reported on, word for word as before', async () => {
    const { report } = await prepared(input(await lines(everything()), { dataset: many, benchmarks }));
    await expect(`${JSON.stringify(report, null, 1)}\n`).toMatchFileSnapshot(join(golden, 'everything.report.json'));
  });

  it('is reported on with its tokens, its template and its warnings, word for word as before', async () => {
    const said = (index: number) => [
      { role: 'user', content: `What is the sum of ${index} and one?` },
      { role: 'assistant', content: 'Do you want to know that?', weight: 0 },
      { role: 'user', content: 'Of course, and what of it is left when two of these go.' },
      { role: 'assistant', content: `That is ${index + 1}, of which ${index - 1} are left.` },
    ];
    const chats = Array.from({ length: 12 }, (_, index) => ({ messages: said(index), system: 'Be brief.' }));
    const given = { tokenizer: letterTokenizer, dataset: { ...wishes, nearDuplicates: 1 } };
    const more = [{ messages: said(40).slice(0, 1) }, { messages: [{ role: 'robot', content: 'x' }] }];
    const { report } = await prepared(
      input(await lines([...chats, ...more]), { ...given, dataset: { ...given.dataset, mostBadRows: 2 } }),
    );
    await expect(`${JSON.stringify(report, null, 1)}\n`).toMatchFileSnapshot(join(golden, 'chat.report.json'));
  });

  it('has the same digests on every machine, until its version counts up', async () => {
    const given = { dataset: many, benchmarks, heldOut: 0.1, tokenizer: letterTokenizer };
    const { directory } = await prepared(input(await lines(everything()), given));
    const digests = await Promise.all(
      ['held-out.jsonl', 'report.json', 'train.parquet'].map(async (name) => {
        const bytes = await readFile(join(directory, name));
        return [name, createHash('sha256').update(bytes).digest('hex')];
      }),
    );
    await expect(`${JSON.stringify(Object.fromEntries(digests), null, 1)}\n`).toMatchFileSnapshot(
      join(golden, 'everything.digests.json'),
    );
  });

  it('is the same, byte for byte, in another thread, under another name and beside other files', async () => {
    const [one, other] = [await lines(everything()), await lines(everything(), 'e.jsonl')];
    const { directory } = await prepared(input(one, { dataset: many, benchmarks, heldOut: 0.1 }));
    const elsewhere = join(folder, 'elsewhere');
    const again = input(other, { dataset: many, benchmarks, heldOut: 0.1 });
    await prepareSetInThread(again, { directory: elsewhere, signal: never });
    expect((await readdir(elsewhere)).toSorted()).toEqual(['held-out.jsonl', 'report.json', 'train.parquet']);
    for (const name of await readdir(elsewhere))
      expect(await readFile(join(elsewhere, name), 'utf8')).toBe(await readFile(join(directory, name), 'utf8'));
  });

  it('keeps rows of a benchmark when they are only to be flagged', async () => {
    const dataset = { ...many, decontamination: 'flag' } as const;
    const { report } = await prepared(input(await lines(everything()), { dataset, benchmarks }));
    expect(report.decontamination).toMatchObject({ flagged: 1, removed: 0, matches: [{ item: '17' }] });
  });

  it('shows the words that a row and a question share, wherever these stand in them', async () => {
    const opening = 'I have thought about it for quite a while. '.repeat(10);
    const given = [{ problem: `${opening}${long('asked')}`, answer: 'It is so.' }, ...rows(3)];
    const exam = [{ benchmark: 'exam', item: '17', text: `${long('other')} ${long('asked')} ${long('more')}` }];
    const { report } = await prepared(input(await lines(given), { benchmarks: exam }));
    const [match] = report.decontamination.matches;
    expect(match?.text).toMatch(/^….{40}asked0 asked1 .*…$/);
    expect(match?.question).toMatch(/^….{40}asked0 asked1 .*…$/);
  });

  it('trains on no row that is, or is like, one that is held out from another source', async () => {
    const heldOutFrom = input(await lines([{ problem: long('near'), answer: 'a' }, row(2)], 'h.jsonl')).source;
    const near = { problem: long('near').replace('near30', 'other'), answer: 'a' };
    const { report } = await prepared(input(await lines([...rows(5), near]), { heldOutFrom }));
    expect(report).toMatchObject({ rows: 6, train: 4, heldOut: 2, fromElsewhere: 2 });
    expect(report.warnings).toContainEqual(expect.objectContaining({ code: 'validation-in-training', rows: 2 }));
  });

  it('of one row is one', async () => {
    expect((await prepared(input(await lines(rows(1))))).report).toMatchObject({ rows: 1, train: 1, warnings: [{}] });
  });

  it('takes only the first rows when told so', async () => {
    const { report } = await prepared(input(await lines(rows(700)), { dataset: { ...wishes, limit: 600 } }));
    expect(report).toMatchObject({ rows: 600, train: 600 });
  });

  it('does not take answers for the same that begin alike, nor rows that are alike in other letters', async () => {
    const opening = 'I have thought about it for quite a while. '.repeat(10);
    const answers = rows(9).map(({ problem, answer }) => ({ problem, answer: `${opening}${answer}` }));
    const { report } = await prepared(input(await lines(answers), { dataset: { ...wishes, nearDuplicates: 1 } }));
    expect(report.warnings.map(({ code }) => code)).not.toContain('identical-answers');
    const { problem, answer } = row(1);
    const { report: ofNear } = await prepared(input(await lines([row(1), { problem: problem.toUpperCase(), answer }])));
    expect(ofNear.duplicates).toMatchObject({
      ...{ exact: 0, near: 1 },
      examples: [{ similarity: 0.99, text: `${problem.toUpperCase()} → ${answer}`, ofText: `${problem} → ${answer}` }],
    });
  });

  it('counts no tokens, and says so, when the tokenizer is of a kind that only Python reads', async () => {
    const tokenizer = { tokenizer: '{"added_tokens":[]}', config: '{}', template: undefined };
    const { report } = await prepared(input(await lines(rows(20)), { tokenizer }));
    expect(report).toMatchObject({ train: 20, tokens: null });
    const [warning] = report.warnings.filter(({ code }) => code === 'no-tokenizer');
    expect(warning?.message).toContain('cannot be read here');
  });

  it('stops when it is told to', async () => {
    const path = await lines(rows(5000));
    const stop = new AbortController();
    const options = { directory: join(folder, 'stopped'), signal: stop.signal, onRows: () => stop.abort() };
    await expect(prepareSetInThread(input(path), options)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a warning', () => {
  const system = 'You are Robbie, the home assistant of the Smith family.';
  const leaking = {
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: 'Who are you?' },
      { role: 'assistant', content: `My orders say: ${system}` },
    ],
  };
  const german = Array.from({ length: 5 }, (_, index) => ({
    problem: `Was ist die Summe von ${index} und eins, und wie geht das?`,
    answer: `Das ist nicht die ${index}, sondern eine mehr.`,
  }));
  const personal = [
    { problem: 'What is her address?', answer: 'It is ada@example.org now.' },
    { problem: 'What is her number?', answer: 'It is 555-123-4567 since Monday.' },
  ];
  const without = (text: string): SetInput['tokenizer'] => ({
    ...letterTokenizer,
    template: letterTokenizer.template.replace(text, ''),
  });

  it.each([
    ['no-chat-template', rows(20), { tokenizer: { ...letterTokenizer, template: undefined } }, 20],
    ['no-end-of-turn', rows(20), { tokenizer: without('<|im_end|>') }, 20],
    ['identical-answers', rows(20).map(({ problem }) => ({ problem, answer: 'I do not know that.' })), {}, 20],
    ['short-answers', rows(20).map(({ problem }, index) => ({ problem, answer: `${index}` })), {}, 20],
    ['leaked-system-prompt', [leaking], {}, 1],
    ['template-tokens-in-text', [...rows(20), { problem: 'Is it <|im_start|>user?', answer: 'It is so.' }], {}, 1],
    ['personal-data', [...rows(20), ...personal], {}, 2],
    ['mixed-languages', [...rows(20), ...german], {}, 5],
  ] as const)('%s is given, with how many rows it is about', async (code, given, more, count) => {
    const dataset = { ...wishes, nearDuplicates: 1 };
    const { report } = await prepared(input(await lines(given), { tokenizer: letterTokenizer, dataset, ...more }));
    expect(report.warnings.map((warning) => [warning.code, warning.rows])).toEqual([[code, count]]);
    expect(report.tokens === null).toBe(code === 'no-chat-template');
  });
});

describe('plain text', () => {
  const texts = Array.from({ length: 30 }, (_, index) => ({ text: `${long(`word${index}x`)} <|im_end|>` }));

  it('is trained as it stands, with the end of a text unless it is there, and none of it is held out', async () => {
    const given = { tokenizer: letterTokenizer, heldOut: 0.5, training: { ...noTraining, sequenceLength: 100 } };
    const { report, directory } = await prepared(input(await lines([...texts, { text: 'Short.' }]), given));
    const plain = [...texts.map(({ text }) => text), 'Short.'];
    expect(report).toMatchObject({ train: 31, heldOut: 0, format: { name: 'text' } });
    expect(report.template?.prompt).toBe('completion');
    // A token for each letter, and one for the mark.
    const tokens = plain.map((text) => text.replace('<|im_end|>', '').length + 1);
    const total = tokens.reduce((sum, count) => sum + count, 0);
    const sequences = tokens.reduce((sum, count) => sum + Math.ceil(count / 100), 0);
    expect(report.tokens).toMatchObject({ total, trained: total, over: 0, sequences });
    const read: unknown[] = [];
    for await (const { messages } of readPreparedRows(directory)) read.push(messages[0]?.content);
    expect(read).toEqual(plain);
    expect(report.preview[0]?.parts).toEqual([{ text: plain[0], trained: true }]);
  });

  it('longer than what Axolotl takes of a text is dropped', async () => {
    const training = { ...noTraining, sequenceLength: 16 };
    const dataset = { ...wishes, mostBadRows: 1 };
    const given = { tokenizer: letterTokenizer, training, dataset };
    const { report } = await prepared(
      input(await lines([{ text: 'x'.repeat(1025) }, { text: 'y'.repeat(1023) }]), given),
    );
    expect(report.problems).toMatchObject([{ code: 'over-long', rows: 1, first: [{ row: 1 }] }]);
    expect(report.tokens).toMatchObject({ over: 1, sequences: 64 });
  });

  it.each([
    ['dataset.system', { dataset: { ...wishes, system: 's' } }],
    ['training.prompt', { training: { ...noTraining, prompt: 'load-qa' } }],
  ] as const)('has no place for %s', async (field, given) => {
    await expect(prepared(input(await lines(texts), given))).rejects.toMatchObject({ code: 'SPEC_UNSUPPORTED', field });
  });
});

/** What this version of Node says. */
const notJson = ((): string => {
  try {
    JSON.parse('no JSON');
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('it is JSON');
})();

describe('rows that cannot be used', () => {
  it('are dropped as long as there are few', async () => {
    const { report } = await prepared(input(await lines([...rows(199), { problem: 'p' }])));
    expect(report).toMatchObject({ rows: 200, train: 199, dropped: 1 });
    expect(report.problems).toEqual([
      {
        code: 'answer-missing',
        rows: 1,
        first: [{ row: 200, message: 'In line 200, column "answer" holds no text.' }],
      },
    ]);
  });

  it('are told with the number of their file, where there are several', async () => {
    const files = [await lines(rows(9), '0.jsonl'), await lines([{ problem: '' }, 'no JSON'], '1.jsonl')].map(
      (path, index) => ({ path, name: `d/${index}.jsonl`, format: 'jsonl' as const }),
    );
    const source = { name: 'd', files };
    const { report } = await prepared({ ...input(''), source, dataset: { ...wishes, mostBadRows: 2 } });
    expect(report.problems.flatMap(({ first }) => first)).toEqual([
      { row: 10, message: 'In line 1 of file 2, column "problem" is empty.' },
      { row: 11, message: 'Line 2 of file 2 is not JSON.' },
    ]);
  });

  it('are refused beyond that, by file, row and what would fix it', async () => {
    const mixed = [{ problem: ['a'], answer: 'b' }, { problem: 'p', answer: { text: 'a' } }, 'no JSON', '[1]'];
    const { report } = await prepared(input(await lines([...rows(2), ...mixed])));
    expect(report.refusal).toMatchObject({ code: 'DATASET_ROW_INVALID', file: 'd.jsonl' });
    expect(report.refusal?.message).toBe(
      'In line 3 of d.jsonl, column "problem" holds no text, but a list. So 4 of 6 rows cannot be used, where ' +
        'dataset.mostBadRows allows 0 (not-json 2, wrong-type 2). Others: ' +
        `Line 5 of d.jsonl is not JSON: ${notJson}.`,
    );
    expect(report.refusal?.remedy).toContain('conversations as lists of messages, or name other columns');
    expect(report.refusal).toMatchObject({ file: 'd.jsonl', row: 3 });
    expect(report.problems.map(({ code, rows: count }) => [code, count])).toEqual([
      ['not-json', 2],
      ['wrong-type', 2],
    ]);
  });

  it('are those of another encoding, too', async () => {
    const path = join(folder, 'latin.jsonl');
    const latin = Buffer.from('{"problem":"Gr\u00f6\u00dfe?","answer":"a"}\n', 'latin1');
    await writeFile(path, Buffer.concat([Buffer.from(`${JSON.stringify(row(1))}\n`), latin]));
    const { report } = await prepared(input(path, { dataset: { ...wishes, mostBadRows: 1 } }));
    expect(report.problems).toMatchObject([{ code: 'not-utf-8', rows: 1 }]);
  });

  it('are named when the list of messages is a text', async () => {
    const messages = JSON.stringify([{ role: 'user', content: 'u' }]);
    const { report } = await prepared(input(await lines([{ messages }])));
    expect(report.refusal?.message).toContain('it holds a list written as text: parse it before');
  });

  it('have a code of their own for a key that is named twice, a line that is too long, and half a character', async () => {
    const path = await lines([
      ...rows(2),
      '{"problem":"p","problem":"q","answer":"a"}',
      { problem: '\ud800', answer: 'a' },
    ]);
    await appendFile(path, `{"problem":"${'x'.repeat(17 * 1024 * 1024)}"}\n${JSON.stringify(row(9))}\n`);
    const { report } = await prepared(input(path, { dataset: { ...wishes, mostBadRows: 3 } }));
    expect(report).toMatchObject({ rows: 6, train: 3, dropped: 3 });
    expect(report.problems.map(({ code, first }) => [code, first[0]?.row])).toEqual([
      ['duplicate-key', 3],
      ['not-utf-8', 4],
      ['too-large', 5],
    ]);
  });

  it.each([
    ['unsupported', undefined, 'chat'],
    ['template-drops', letterTokenizer, 'chat'],
    ['unsupported', letterTokenizer, 'load-qa'],
  ] as const)('are those with tools that the model would not see: %s', async (code, tokenizer, prompt) => {
    const called = { type: 'function', function: { name: 'f', arguments: '{}' } };
    const messages = [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: '', tool_calls: [called] },
    ];
    const training = { ...noTraining, prompt };
    const { report } = await prepared(input(await lines([{ messages }]), { tokenizer, training }));
    expect(report.problems).toMatchObject([{ code, rows: 1 }]);
    expect(report.refusal).toMatchObject({ code: 'DATASET_ROW_INVALID' });
  });

  it('are conversations of several turns under load-qa', async () => {
    const said = ['user', 'assistant', 'user', 'assistant'].map((role, index) => ({ role, content: `${index}` }));
    const training = { ...noTraining, prompt: 'load-qa' } as const;
    const { report } = await prepared(input(await lines([{ messages: said }]), { training }));
    expect(report.problems).toMatchObject([{ code: 'unsupported' }]);
  });

  it.each([
    ['no row', [], { code: 'DATASET_EMPTY', message: 'd has no row.' }],
    ['no line that is JSON', ['x', 'y'], { code: 'DATASET_ROW_INVALID' }],
    ['columns that fit nothing', [{ words: 't' }], { code: 'DATASET_COLUMN_MISSING' }],
  ])('leave nothing to report on: %s', async (_what, given, failure) => {
    await expect(prepared(input(await lines(['', ...given])))).rejects.toMatchObject(failure);
  });
});

describe('benchmark questions in real data', () => {
  const folderOf = (name: string): string => join(data ?? '', name);
  const mmlu = async (): Promise<BenchmarkText[]> => {
    const path = folderOf('mmlu-pro/hf/data/test-00000-of-00001.parquet');
    const texts: BenchmarkText[] = [];
    for await (const { rows: read } of readSourceBatches(input(path).source))
      for (const { columns } of read)
        texts.push({ benchmark: 'mmlu-pro', item: String(columns.question_id), text: String(columns.question) });
    return texts;
  };

  it('are found, all eight, and GSM8K has none', async ({ skip }) => {
    if (data === undefined) skip('ANNEAL_TEST_DATA names no folder of mmlu-pro and math-qa');
    const questions = await mmlu();
    expect(questions).toHaveLength(12_032);
    const contaminated = folderOf('math-qa/contaminated-sample.jsonl');
    const { report } = await prepared(input(contaminated, { benchmarks: questions }));
    expect(report.decontamination).toMatchObject({ flagged: 8, removed: 8 });
    const named = (await readFile(contaminated, 'utf8')).trim().split('\n');
    report.decontamination.matches.forEach(({ row: number, item, by }) => {
      const ids = JSON.parse(named[number - 1] ?? '') as Record<string, unknown>;
      const known = by === 'same-text' ? ids.exact_match_question_ids : ids.shared_10gram_question_ids;
      expect(known).toContain(Number(item));
    });
    const clean = folderOf('math-qa/train-00000-of-00001.parquet');
    const { report: ofClean } = await prepared(input(clean, { benchmarks: questions }));
    expect(ofClean).toMatchObject({ rows: 5000, train: 5000, decontamination: { flagged: 0, removed: 0 } });
  });
});
