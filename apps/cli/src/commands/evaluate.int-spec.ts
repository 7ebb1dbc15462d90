import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CompletionsServer } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { evaluateCommand } from './evaluate.command.js';

const program = join(import.meta.dirname, '..', '..', 'bin', 'anneal.js');
let folder = '';
let server: CompletionsServer;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-evaluate-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  server = await CompletionsServer.start();
});
afterEach(() => server.stop());

/** So many questions, each of which has its own text as its answer. */
function ownSet(name: string, count: number): string {
  const items = Array.from({ length: count }, (_, index) => ({
    id: `q${index}`,
    prompt: `word ${index}`,
    expected: `word ${index}`,
  }));
  const path = join(folder, `${name}-set.jsonl`);
  writeFileSync(path, items.map((item) => `${JSON.stringify(item)}\n`).join(''));
  return `own-set:${path}`;
}

/** The command in this process, as `--json` has it. */
async function evaluated(...args: string[]): Promise<unknown> {
  let printed = '';
  const writing = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    await evaluateCommand().parseAsync(['--model', server.url, ...args, '--json'], { from: 'user' });
  } finally {
    writing.mockRestore();
  }
  return JSON.parse(printed);
}
const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('counts what a model gets right, and writes every answer as a line', async () => {
  server.answer = ({ text }) => (text === 'word 3' ? 'no' : text);
  const out = join(folder, 'answers.jsonl');
  expect(await evaluated('--benchmark', ownSet('plain', 5), '--out', out)).toMatchObject({
    ...{ benchmark: 'own-set', n: 5, correct: 4, wrong: 1, unparsed: 0, failed: 0, accuracy: 0.8, known: 0 },
    model: `small at ${server.url}`,
    settings: { score: 'normalised', inference: { form: 'server', temperature: 0 } },
  });
  expect(linesOf(out).find(({ id }) => id === 'q3')).toMatchObject({ correct: false, outcome: 'wrong', text: 'no' });
});

it('goes on after kill -9, and asks nothing twice', async () => {
  server.answerMs = 15;
  const out = join(folder, 'killed.jsonl');
  const args = ['--benchmark', ownSet('killed', 60), '--out', out, '--concurrency', '3'];
  const first = spawn(process.execPath, [program, 'evaluate', '--model', server.url, ...args], { stdio: 'ignore' });
  const gone = once(first, 'exit');
  while (server.asked.length < 25) await pause(5);
  first.kill('SIGKILL');
  await gone;
  const stored = linesOf(out).length;
  const before = server.asked.length;
  expect(stored).toBeGreaterThan(10);
  expect(stored).toBeLessThan(60);
  expect(await evaluated(...args)).toMatchObject({ n: 60, correct: 60, known: stored });
  expect(server.asked.length - before).toBe(60 - stored);
  expect(new Set(linesOf(out).map(({ id }) => id)).size).toBe(60);
});

it('counts a failed item for nothing, asks it again in the next call, and takes no answers of another model', async () => {
  const args = ['--benchmark', ownSet('failed', 6), '--out', join(folder, 'failed.jsonl')];
  server.answer = ({ text }) => (text === 'word 2' ? undefined : text);
  expect(await evaluated(...args)).toMatchObject({
    ...{ n: 5, correct: 5, failed: 1, accuracy: 1 },
    problems: [expect.stringContaining('q2: The server refused with 422') as string],
  });
  expect(process.exitCode).toBe(1);
  process.exitCode = undefined;
  server.answer = ({ text }) => text;
  expect(await evaluated(...args)).toMatchObject({ n: 6, correct: 6, failed: 0, known: 5 });
  expect(server.asked.filter(({ text }) => text.startsWith('word'))).toHaveLength(7);
  await expect(evaluated(...args, '--served', 'large')).rejects.toMatchObject({
    code: 'STATE_CONFLICT',
    message: expect.stringContaining(`holds answers of small at ${server.url}.`) as string,
  });
});

it('says what is wrong with a benchmark or a model before anything is asked', async () => {
  await expect(evaluated('--benchmark', 'held-out')).rejects.toThrow('no such benchmark can be run alone.');
  await expect(evaluated('--benchmark', ownSet('model', 1), '--model', folder)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    file: folder,
  });
  expect(server.asked).toEqual([]);
});
