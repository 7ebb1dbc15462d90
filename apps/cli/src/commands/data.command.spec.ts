import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataReport, failureDetail } from '@anneal/contracts';
import { letterTokenizer, startHub } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { dataCommands } from './data.command.js';

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-data-spec-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
}

async function anneal(...args: string[]): Promise<Ended> {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    stdout += String(piece);
    return true;
  });
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void (stdout += `${line}\n`));
  const complain = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await dataCommands().parseAsync(args, { from: 'user' });
    return { code: process.exitCode ?? 0, stdout };
  } finally {
    process.exitCode = undefined;
    for (const spy of [write, log, complain]) spy.mockRestore();
  }
}

async function file(name: string, rows: readonly object[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const rows = Array.from({ length: 30 }, (_, index) => ({
  issue: `Which number comes after ${index} when we count?`,
  fix: `After it comes ${index + 1}.`,
}));

describe('anneal data', () => {
  it('checks a file without a server, and says by its status whether it can be used', async () => {
    const path = await file('usable.jsonl', rows);
    const columns = ['--columns', 'question=issue,answer=fix'];
    const { code, stdout } = await anneal('check', path, ...columns, '--strict', '--json');
    const report = dataReport.parse(JSON.parse(stdout));
    expect(report).toMatchObject({
      rows: 30,
      dropped: 0,
      duplicates: { exact: 0, near: 0 },
      decontamination: { flagged: 0, removed: 0, matches: [] },
      tokens: null,
      warnings: [],
    });
    expect(code).toBe(0);
  });

  it('ends with 1 for warnings when it is strict, and with 0 when it is not', async () => {
    const path = await file('short.jsonl', [
      { question: 'What is one and one?', answer: '2' },
      { question: 'Who?', answer: 'Me' },
    ]);
    const asked = await file('asked.jsonl', [{ prompt: 'Who is it that knocks at my door?', expected: 'me' }]);
    const strict = await anneal('check', path, '--strict', '--benchmarks', `own-set:${asked}`);
    const not = await anneal('check', path);
    expect([strict.code, not.code]).toEqual([1, 0]);
    expect(strict.stdout).toContain('warning (short-answers)');
    expect(strict.stdout).toContain('Checked against 1 questions of own-set');
  });

  it('ends with 2 for what a run would refuse, with the report when there is one', async () => {
    const taught = 'Who is it that knocks at my door so late in the night?';
    const asked = await file('asked-too.jsonl', [{ prompt: taught, expected: 'me' }]);
    const path = await file('taught.jsonl', [{ question: taught, answer: 'It is me.' }]);
    const contaminated = await anneal('check', path, '--benchmarks', `own-set:${asked}`, '--json');
    const unfit = await anneal('check', await file('unfit.jsonl', [{ title: 't' }]), '--json');
    const nowhere = await anneal('check', join(folder, 'nowhere.jsonl'));
    expect([contaminated.code, unfit.code, nowhere.code]).toEqual([2, 2, 2]);
    const report = dataReport.parse(JSON.parse(contaminated.stdout));
    expect(report).toMatchObject({ decontamination: { flagged: 1, removed: 1 }, refusal: { code: 'DATASET_EMPTY' } });
    const { error } = z.object({ error: failureDetail }).parse(JSON.parse(unfit.stdout));
    expect(error).toMatchObject({ code: 'DATASET_COLUMN_MISSING', file: 'unfit.jsonl' });
  });

  it('compares with MMLU-Pro as the Hub has it when no folder is named, and refuses or warns when it cannot', async () => {
    const hub = await startHub();
    const question = 'How many sheep has the shepherd who lost three of the seven that he had?';
    const asked = { question_id: 7, question, options: ['3', '4', '7'], answer: 'B', category: 'math' };
    const put = { 'data/test-00000-of-00001.jsonl': `${JSON.stringify(asked)}\n` };
    hub.create('TIGER-Lab/MMLU-Pro', { type: 'dataset' }).commit('first', { put });
    vi.stubEnv('HF_ENDPOINT', hub.url).stubEnv('ANNEAL_CACHE', folder);
    try {
      const path = await file('sheep.jsonl', [...rows.slice(0, 20), { issue: question, fix: 'He has four.' }]);
      const call = ['check', path, '--columns', 'question=issue,answer=fix', '--benchmarks', 'mmlu-pro', '--json'];
      const report = async () => dataReport.parse(JSON.parse((await anneal(...call)).stdout));
      const { decontamination, warnings } = await report();
      expect(decontamination).toMatchObject({ benchmarks: [{ name: 'mmlu-pro', items: 1 }], removed: 1 });
      expect(warnings.map(({ code }) => code)).not.toContain('benchmark-unchecked');
      vi.stubEnv('HF_HUB_OFFLINE', '1').stubEnv('ANNEAL_CACHE', join(folder, 'empty'));
      const unchecked = await anneal(...call);
      expect(unchecked.code).toBe(2);
      expect(unchecked.stdout).toContain('The rows cannot be checked against mmlu-pro');
      call.push('--decontamination', 'flag');
      expect((await report()).warnings.map(({ code }) => code)).toContain('benchmark-unchecked');
    } finally {
      vi.unstubAllEnvs();
      await hub.stop();
    }
  });

  it('says how to install lm-eval where it is not, and refuses or warns', async () => {
    vi.stubEnv('ANNEAL_CACHE', join(folder, 'without'));
    try {
      const call = ['check', await file('any.jsonl', rows), '--columns', 'question=issue,answer=fix'];
      call.push('--benchmarks', 'lm-eval:arc_easy', '--json');
      const how = 'lm-eval is not installed here; "node libs/engine/install-lm-eval.mjs" does it.';
      const refused = z.object({ error: failureDetail }).parse(JSON.parse((await anneal(...call)).stdout));
      expect(refused.error).toMatchObject({ code: 'ENGINE_MISSING', message: expect.stringContaining(how) as string });
      const flagged = await anneal(...call, '--decontamination', 'flag');
      expect(dataReport.parse(JSON.parse(flagged.stdout)).warnings).toContainEqual({
        ...{ code: 'benchmark-unchecked', rows: 0 },
        message: `Rows are not checked against lm-eval:arc_easy: ${how}`,
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('shows both answers of preference pairs, and refuses pairs where answers are to be learnt', async () => {
    const path = await file('pairs.jsonl', [{ prompt: 'How are you today?', chosen: 'Very well.', rejected: 'No.' }]);
    const { stdout } = await anneal('preview', path, '--objective', 'dpo');
    expect(stdout).toContain('chosen:\nuser: How are you today?\nassistant: «Very well.»');
    expect(stdout).toContain('rejected:\nuser: How are you today?\nassistant: «No.»');
    const { code, stdout: said } = await anneal('check', path, '--json');
    const { error } = z.object({ error: failureDetail }).parse(JSON.parse(said));
    expect([code, error.field]).toEqual([2, 'training.objective']);
  });

  it('shows the first rows and marks what is learnt', async () => {
    const path = await file('shown.jsonl', [{ question: 'How are you today?', answer: 'Very well.' }]);
    expect((await anneal('preview', path)).stdout).toContain('user: How are you today?\nassistant: «Very well.»');
  });

  it('names the files of a folder that it has read', async () => {
    const set = join(folder, 'set');
    await mkdir(set);
    for (const name of ['train-0.jsonl', 'train-1.jsonl', 'test.jsonl']) await file(join('set', name), [rows[0] ?? {}]);
    const columns = ['--columns', 'question=issue,answer=fix'];
    const [checked, shown] = [await anneal('check', set, ...columns), await anneal('preview', set, ...columns)];
    for (const { stdout } of [checked, shown])
      expect(stdout).toMatch(/^Files: set\/train-0\.jsonl, set\/train-1\.jsonl\.\n/);
    const one = await anneal('check', join(set, 'test.jsonl'), ...columns);
    expect(one.stdout).toMatch(/^Format:/);
  });

  it('shows no row as if it could be trained, and says why, when a run would refuse the data', async () => {
    const path = await file('unusable.jsonl', [{ question: '', answer: 'x' }]);
    const { code, stdout } = await anneal('preview', path);
    expect(code).toBe(2);
    expect(stdout).toContain('Refused: In line 1 of unusable.jsonl, column "question" is empty.');
    const asJson = await anneal('preview', path, '--json');
    expect(JSON.parse(asJson.stdout)).toMatchObject({ rows: [], refusal: { code: 'DATASET_ROW_INVALID' } });
  });

  it('warns beside the rows that are shown, and says how the text is made', async () => {
    const model = join(folder, 'model');
    await mkdir(model);
    const base = ['--base', model];
    const path = await file('warned.jsonl', [{ question: 'How are you today?', answer: 'Very well.' }]);
    const without = (await anneal('preview', path, ...base)).stdout;
    expect(without).toContain('The tokenizer of the base model is not at hand: rows are shown by their roles.');
    await writeFile(join(model, 'tokenizer.json'), letterTokenizer.tokenizer);
    const noTemplate = (await anneal('preview', path, ...base)).stdout;
    expect(noTemplate).toContain('Chat template: none, so rows are shown by their roles.');
    expect(noTemplate).toContain('warning (no-chat-template)');
    const text = await file('text.jsonl', [{ text: 'Once upon a time there was a king.' }]);
    expect((await anneal('preview', text, ...base)).stdout).toContain('the text is trained as it stands');
    expect((await anneal('check', text, ...base, '--sequence-length', '20')).stdout).toContain(
      '2 sequences of at most 20 tokens; 0 texts of more than 64 of them; 1 steps of 4 sequences, 1 an epoch.',
    );
  });

  it('asks nothing outside when OFFLINE says so, as the services do', async () => {
    vi.stubEnv('OFFLINE', 'true').stubEnv('ANNEAL_CACHE', join(folder, 'nothing'));
    try {
      const { stdout } = await anneal('check', 'acme/none', '--json');
      expect(z.object({ error: failureDetail }).parse(JSON.parse(stdout)).error.code).toBe('SOURCE_OFFLINE');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('ends with one sentence and no usable data when it is stopped', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({ question: `Is it ${index}?`, answer: 'It may be.' }));
    const ended = anneal('check', await file('many.jsonl', many), '--json');
    setTimeout(() => process.emit('SIGINT', 'SIGINT'), 100);
    const { code, stdout } = await ended;
    expect(z.object({ error: failureDetail }).parse(JSON.parse(stdout)).error.code).toBe('KILLED');
    expect(code).toBe(2);
  });
});
