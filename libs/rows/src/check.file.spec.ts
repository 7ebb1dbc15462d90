import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkTrainingFile, type CheckedFile } from './check.file.js';
import { longestLine } from './text-lines.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-check-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function check(...parts: (string | Uint8Array)[]): Promise<CheckedFile> {
  const path = join(folder, 'as-it-was-put');
  await writeFile(path, Buffer.concat(parts.map((part) => Buffer.from(part))));
  return checkTrainingFile(path, 'd.jsonl');
}

const good = (question = 'why') =>
  `${JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: 'so' },
    ],
  })}\n`;

describe('a training file', () => {
  it('that is right is counted', async () => {
    expect(await check(good('why'), '\r\n', good('wherefore'))).toEqual({
      rows: 2,
      characters: 5 + 11,
      objective: 'sft',
      problems: [],
    });
    expect(await check('{"prompt":"why","completion":"so"}')).toMatchObject({ rows: 1, characters: 5, problems: [] });
  });

  it('of preference pairs is checked as such', async () => {
    const pair = (chosen: string): string =>
      `${JSON.stringify({
        input: { messages: [{ role: 'user', content: 'why' }] },
        preferred_output: [{ role: 'assistant', content: chosen }],
        non_preferred_output: [{ role: 'assistant', content: 'no' }],
      })}\n`;
    expect(await check(pair('so'), pair('no'), good())).toEqual({
      rows: 1,
      characters: 5,
      objective: 'dpo',
      problems: [
        { row: 2, message: expect.stringMatching(/^In line 2 of d\.jsonl, .* have the same answer/) as string },
        { row: 3, message: expect.stringContaining('column "preferred_output" has no answer') as string },
      ],
    });
  });

  it('is read on after a row that is wrong, and every problem names its line', async () => {
    const { rows, problems } = await check(
      good(),
      'not json\n',
      '\n',
      '[1]\n',
      good(),
      '{"messages":"text"}\n',
      '{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a","weight":0.5}]}\n',
      '{"prompt":"p"}\n',
      good(),
    );
    expect(rows).toBe(3);
    expect(problems.map(({ row }) => row)).toEqual([2, 4, 6, 7, 8]);
    for (const { row, message } of problems) expect(message).toMatch(new RegExp(`[Ll]ine ${row} of d\\.jsonl`));
    expect(problems[3]?.message).toContain('another weight than 0 or 1');
  });

  it('names the columns of each line until one has some that are known', async () => {
    const { rows, problems } = await check('{"words":"t"}\n', '{}\n', good());
    expect(rows).toBe(1);
    expect(problems).toEqual([
      { row: 1, message: expect.stringContaining('but line 1 of d.jsonl has the columns "words"') as string },
      { row: 2, message: expect.stringContaining('but line 2 of d.jsonl has the columns (none)') as string },
    ]);
  });

  it('is read as far as the tenth problem', async () => {
    const { rows, problems } = await check(good(), '{}\n'.repeat(50), good());
    expect(rows).toBe(1);
    expect(problems.map(({ row }) => row)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('that is not UTF-8 is wrong at the lines that are not', async () => {
    const latin1 = Buffer.from(good('w\xE4rum'), 'latin1');
    expect(await check(good(), latin1, good())).toEqual({
      rows: 2,
      characters: 10,
      objective: 'sft',
      problems: [{ row: 2, message: 'Line 2 of d.jsonl is not UTF-8.' }],
    });
  });

  it('ends at a line that is too long to be read', async () => {
    expect(await check(good(), '{}\n', 'x'.repeat(longestLine + 1), '\n', '{}\n')).toMatchObject({
      rows: 1,
      problems: [{ row: 2 }, { row: 3, message: `Line 3 of d.jsonl is longer than ${longestLine} bytes.` }],
    });
  });

  it.each(['', '\n \n', '\uFEFF'])('without a row is wrong: %j', async (text) => {
    expect(await check(text)).toEqual({
      rows: 0,
      characters: 0,
      problems: [{ row: 1, message: 'd.jsonl has no row, where line 1 should be the first.' }],
    });
  });

  it('that is not there is no matter of its rows', async () => {
    await expect(checkTrainingFile(join(folder, 'nothing'), 'd.jsonl')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
