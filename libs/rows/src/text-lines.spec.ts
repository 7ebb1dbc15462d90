import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { longestLine, readTextLines, type TextLine } from './text-lines.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-lines-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function linesOf(text: string | Uint8Array): Promise<TextLine[]> {
  const path = join(folder, 'some.jsonl');
  writeFileSync(path, text);
  const lines: TextLine[] = [];
  for await (const line of readTextLines(path, (number) => new Error(`line ${number} is too long`))) lines.push(line);
  return lines;
}

it('ends a line at a line feed only, passes over empty ones and counts them', async () => {
  const text = `\uFEFF{"a":"one\u2028two\u2029three"}\r\n\n  \n{"b":2}`;
  expect(await linesOf(text)).toEqual([
    { number: 1, text: '{"a":"one\u2028two\u2029three"}', isUtf8: true },
    { number: 4, text: '{"b":2}', isUtf8: true },
  ]);
});

it('does not take a file without line ends into memory', async () => {
  await expect(linesOf(`{}\n${'x'.repeat(longestLine + 2 * 1024 * 1024)}`)).rejects.toThrow('line 2 is too long');
});

it('takes lines that are longer than what is read at once, and characters that lie across', async () => {
  const long = `x${'ä'.repeat(1024 * 1024)}`;
  expect(await linesOf(`a\n${long}\n${long}`)).toEqual([
    { number: 1, text: 'a', isUtf8: true },
    { number: 2, text: long, isUtf8: true },
    { number: 3, text: long, isUtf8: true },
  ]);
});

it('says which line is not UTF-8, and goes on', async () => {
  expect(await linesOf(Buffer.from('a\n\xE4\n\n\xFF\nb', 'latin1'))).toMatchObject([
    { number: 1, isUtf8: true },
    { number: 2, isUtf8: false },
    { number: 4, isUtf8: false },
    { number: 5, isUtf8: true },
  ]);
  expect(await linesOf('\uFFFD')).toEqual([{ number: 1, text: '\uFFFD', isUtf8: true }]);
});
