import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { compareCommand } from './compare.command.js';
import { promptCommand } from './prompt.command.js';
import { rescoreCommand } from './rescore.command.js';

vi.setConfig({ testTimeout: 60_000 });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-commands-'));
  const question = { question: 'Which?', options: ['x', 'y', 'z'], answer: 'B', category: 'math' };
  writeLines(
    'test.jsonl',
    [1, 2].map((id) => ({ question_id: id, ...question })),
  );
  writeLines('outputs.jsonl', [
    { question_id: 1, model_outputs: 'The answer is (B).' },
    { question_id: 2, model_outputs: 'Answer: A' },
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

function writeLines(name: string, rows: readonly unknown[]): void {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** What the command writes to standard output. */
async function printed(command: Command, ...args: string[]): Promise<string> {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  vi.spyOn(console, 'log').mockImplementation((line: string) => void (text += `${line}\n`));
  await command.exitOverride().parseAsync(args, { from: 'user' });
  return text;
}
const benchmark = ['--benchmark', 'mmlu-pro', '--data'];

describe('without a server', () => {
  it('prompt prints the prompt to the byte', async () => {
    const text = await printed(promptCommand(), ...benchmark, folder, '--question', '2', '--shots', '0');
    expect(text).toBe(
      'The following are multiple choice questions (with answers) about math. Think step by step and then finish your ' +
        'answer with "the answer is (X)" where X is the correct letter choice.\n\n\n\n' +
        "Question:\nWhich?\nOptions:\nA. x\nB. y\nC. z\nAnswer: Let's think step by step.",
    );
  });
  it('prompt prints a conversation as JSON, and says what it knows when it is asked for something else', async () => {
    const args = [...benchmark, folder, '--question', '2', '--shots', '0', '--prompt', 'chat'];
    expect(JSON.parse(await printed(promptCommand(), ...args))).toEqual([
      { role: 'user', content: expect.stringMatching(/^The following [^]*Options:\nA\. x\nB\. y\nC\. z$/) as string },
    ]);
    await expect(printed(promptCommand(), '--benchmark', 'own-set:x', '--question', '1')).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      remedy: 'Name mmlu-pro with --data DIR, or lm-eval:TASK.',
    });
  });
  it('rescore prints one JSON object, and writes items that compare takes', async () => {
    const items = join(folder, 'items.jsonl');
    const outputs = ['--outputs', join(folder, 'outputs.jsonl'), '--items', items];
    const text = await printed(rescoreCommand(), ...benchmark, folder, ...outputs, '--json');
    expect(JSON.parse(text)).toMatchObject({
      ...{ n: 2, correct: 1, wrong: 1, unparsed: 0, accuracy: 0.5 },
      items: [
        { question_id: 1, letter: 'B', step: 1, correct: true },
        { question_id: 2, letter: 'A', step: 2, correct: false },
      ],
    });
    expect(readFileSync(items, 'utf8')).toBe('{"id":1,"correct":true}\n{"id":2,"correct":false}\n');
    const compared: unknown = JSON.parse(await printed(compareCommand(), items, items, '--json'));
    expect(compared).toMatchObject({
      ...{ n: 2, pValue: 1, difference: 0, interval: [0, 0], flips: { gained: 0, lost: 0 }, verdict: 'inconclusive' },
    });
  });
  it('say in words what they found', async () => {
    const outputs = ['--outputs', join(folder, 'outputs.jsonl')];
    expect(await printed(rescoreCommand(), ...benchmark, folder, ...outputs)).toMatch(/2 +1 +1 +0 +50\.0 %/);
    writeLines(
      'a.jsonl',
      Array.from({ length: 20 }, (_, id) => ({ id, correct: false })),
    );
    writeLines(
      'b.jsonl',
      Array.from({ length: 20 }, (_, id) => ({ id, correct: id < 10 })),
    );
    const text = await printed(compareCommand(), join(folder, 'a.jsonl'), join(folder, 'b.jsonl'));
    expect(text).toContain('improved: The tuned model is better on these items, with 10 of 20 right instead of 0');
  });
  it('compare says that six of a thousand would seldom be seen, also when they were', async () => {
    for (const [name, right] of [
      ['few-a.jsonl', 0],
      ['few-b.jsonl', 6],
    ] as const)
      writeLines(
        name,
        Array.from({ length: 1000 }, (_, id) => ({ id, correct: id < right })),
      );
    const text = await printed(compareCommand(), join(folder, 'few-a.jsonl'), join(folder, 'few-b.jsonl'));
    expect(text).toContain('improved: ');
    expect(text).toContain('With so few items that differ, no difference is shown in 8 of 10 cases.');
  });
  it.each([
    [rescoreCommand, ['--benchmark', 'another', '--data', 'x', '--outputs', 'y']],
    [promptCommand, ['--benchmark', 'mmlu-pro', '--data', 'x', '--question', 'seven']],
    [compareCommand, ['a', 'b', '--alpha', '2']],
    [compareCommand, ['a']],
  ])('refuse a wrong call before anything is read', async (command, args) => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await expect(printed(command(), ...args)).rejects.toMatchObject({ name: 'CommanderError' });
  });
});
