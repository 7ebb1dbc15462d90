import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { longestLine, readTextLines, type TextLine } from './text-lines.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function linesOf(text: string): Promise<TextLine[]> {
  const path = join(folder, 'some.jsonl');
  writeFileSync(path, text);
  const lines: TextLine[] = [];
  for await (const line of readTextLines(path, (number) => new Error(`line ${number} is too long`))) lines.push(line);
  return lines;
}

it('ends a line at a line feed only, passes over empty ones and counts them', async () => {
  const text = `\uFEFF{"a":"one\u2028two\u2029three"}\r\n\n  \n{"b":2}`;
  expect(await linesOf(text)).toEqual([
    { number: 1, text: '{"a":"one\u2028two\u2029three"}' },
    { number: 4, text: '{"b":2}' },
  ]);
});

it('does not take a file without line ends into memory', async () => {
  await expect(linesOf(`{}\n${'x'.repeat(longestLine + 2 * 1024 * 1024)}`)).rejects.toThrow('line 2 is too long');
});
