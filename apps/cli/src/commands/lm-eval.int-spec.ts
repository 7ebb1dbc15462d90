import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataReport } from '@anneal/contracts';
import { CompletionsServer, installedLmEval, writeOwnTasks } from '@anneal/testing';
import type { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { dataCommands } from './data.command.js';
import { evaluateCommand } from './evaluate.command.js';
import { promptCommand } from './prompt.command.js';

const installed = installedLmEval();
const count = 4;
const question = 'What is 3 + 1?\nAnswer:';

describe('tasks of lm-eval by hand', { timeout: 900_000 }, () => {
  let folder = '';
  let tasks = '';
  beforeEach(({ skip }) => {
    if (typeof installed === 'string') skip(installed);
  });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-tasks-'));
    tasks = join(folder, 'tasks');
    writeOwnTasks(tasks, count);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What the command writes to standard output. */
  async function printed(command: Command, ...args: string[]): Promise<string> {
    let text = '';
    const writing = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
      text += String(piece);
      return true;
    });
    try {
      await command.parseAsync(args, { from: 'user' });
      return text;
    } finally {
      writing.mockRestore();
      process.exitCode = undefined;
    }
  }
  const own = (task: string): string[] => ['--benchmark', `lm-eval:${task}`, '--include', tasks];

  it('have prompts that can be printed, and conversations as JSON', async () => {
    const plain = await printed(promptCommand(), ...own('own_shots'), '--question', '2', '--shots', '1');
    expect(plain).toMatch(/^Add up\.\n\nWhat is \d \+ 1\?\nAnswer: \d\n\nWhat is 3 \+ 1\?\nAnswer:$/);
    const item = [...own('own_all'), '--question', 'own_shots/2', '--one-turn', '--system', 'Be short.'];
    expect(JSON.parse(await printed(promptCommand(), ...item))).toMatchObject([
      { role: 'system', content: 'Be short.\n\nAdd up.\n\n' },
      { role: 'user', content: expect.stringMatching(/Answer: \d[^]*What is 3 \+ 1\?\nAnswer:$/) as string },
    ]);
    await expect(printed(promptCommand(), ...own('own_sums'), '--question', '9')).rejects.toMatchObject({
      message: 'own_sums has no item 9.',
      remedy: 'Its items are named like 0, up to 3.',
    });
  });

  it('are looked for in training data', async () => {
    const path = join(folder, 'train.jsonl');
    const rows = [
      { question, answer: 'It is four, as everybody knows.' },
      { question: 'Which city has the most bridges of all?', answer: 'It is Hamburg, as far as I know.' },
    ];
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const args = ['check', path, '--benchmarks', 'lm-eval:own_tag', '--include', tasks, '--json'];
    const { decontamination, warnings } = dataReport.parse(JSON.parse(await printed(dataCommands(), ...args)));
    // Those of both tasks with this tag; the second has the question, too.
    expect(decontamination).toMatchObject({ benchmarks: [{ name: 'lm-eval:own_tag', items: 3 * count }], removed: 1 });
    expect(decontamination.matches[0]).toMatchObject({ row: 1, benchmark: 'lm-eval:own_tag' });
    expect(warnings.map(({ code }) => code)).not.toContain('benchmark-unchecked');
  });

  it('are asked as a group, with the sums of the group', async () => {
    const server = await CompletionsServer.start();
    try {
      server.answer = ({ text }) => String(Number(/(\d+) \+ 1\?\nAnswer:$/.exec(text)?.[1]) + 1);
      const args = ['--model', server.url, ...own('own_even'), '--prompt', 'chat', '--shots', '0', '--json'];
      expect(JSON.parse(await printed(evaluateCommand(), ...args))).toMatchObject({
        ...{ benchmark: 'lm-eval:own_even', n: 3 * count, correct: 3 * count },
        groups: [{ group: 'own_even', subjects: 2, items: 3 * count, weighted: false, accuracy: 1 }],
        settings: { prompt: 'chat', multiturn: true, tasks: [{ shots: 0 }, { shots: 0 }] },
      });
      expect(server.asked.map(({ messages }) => messages?.at(-1)?.role)).toEqual(Array(3 * count).fill('user'));
    } finally {
      await server.stop();
    }
  });
});
