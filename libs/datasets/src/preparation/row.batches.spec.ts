import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StagedSource } from '../sources/source.js';
import { readBatches } from './row.batches.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-batches-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** How many rows each batch has, and the numbers of all of them. */
async function batchesOf(...files: string[][]): Promise<{ sizes: number[]; numbers: number[]; problems: number }> {
  const staged: StagedSource['files'][number][] = [];
  for (const [index, rows] of files.entries()) {
    const [path, name] = [join(folder, `${index}.jsonl`), `${index}.jsonl`];
    await writeFile(path, rows.map((row) => `${row}\n`).join(''));
    staged.push({ path, name, format: 'jsonl' });
  }
  const [sizes, numbers]: [number[], number[]] = [[], []];
  let problems = 0;
  for await (const batch of readBatches({ name: 'd', files: staged }, undefined)) {
    problems += batch.problems.length;
    if (batch.rows.length === 0) continue;
    sizes.push(batch.rows.length);
    numbers.push(...batch.rows.map(({ number }) => batch.before + number));
  }
  return { sizes, numbers, problems };
}

const row = (characters: number): string => JSON.stringify({ text: 'x'.repeat(characters) });
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('the first batch', () => {
  it.each([
    ['short rows, many of which are read at once', 1500, 100, 512],
    ['longer ones, few of which are', 600, 50_000, 84],
    ['rows that are few', 3, 300_000, 3],
  ])('has as many rows of %s as are looked at', async (_what, count, characters, first) => {
    const { sizes, numbers } = await batchesOf(Array.from({ length: count }, () => row(characters)));
    expect(sizes[0]).toBe(first);
    expect(numbers).toEqual(upTo(count));
  });

  it('is of one file, and has no row that cannot be read', async () => {
    const { sizes, numbers, problems } = await batchesOf([row(1), 'no JSON', row(1)], [row(1), row(1)]);
    expect({ sizes, problems }).toEqual({ sizes: [2, 2], problems: 1 });
    expect(numbers).toEqual([1, 3, 4, 5]);
  });

  it('of nothing is none', async () => {
    expect((await batchesOf([])).sizes).toEqual([]);
  });
});
