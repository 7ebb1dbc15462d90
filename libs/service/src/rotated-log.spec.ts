import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger, logDestination } from './logging.js';

const MiB = 1024 * 1024;
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-log-'));
  file = join(folder, 'log', 'services.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Lines of half a megabyte. */
const say = (lines: number, log = createLogger('merger', 'info', logDestination(file))): typeof log => {
  for (let n = 0; n < lines; n += 1) log.info({ n }, 'x'.repeat(MiB / 2));
  return log;
};
const linesOf = (path: string): { n: number }[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { n: number });

describe('the log in a file', () => {
  it('does not grow without end, and loses nothing but what is oldest', () => {
    say(300);
    const files = readdirSync(join(folder, 'log'));
    expect(files.toSorted()).toEqual(['services.log', ...[1, 2, 3, 4].map((n) => `services.log.${n}`)]);
    for (const name of files) expect(statSync(join(folder, 'log', name)).size).toBeLessThan(22 * MiB);
    const numbers = ['.4', '.3', '.2', '.1', ''].flatMap((end) => linesOf(`${file}${end}`).map(({ n }) => n));
    expect(numbers).toEqual(numbers.map((_, index) => 300 - numbers.length + index));
    expect(numbers.length).toBeGreaterThan(160);
  });

  it('goes on where a process before it ended', () => {
    mkdirSync(join(folder, 'log'));
    writeFileSync(file, `${'y'.repeat(19.8 * MiB)}\n`);
    const log = say(1);
    log.info('the next');
    expect(statSync(`${file}.1`).size).toBeGreaterThan(20 * MiB);
    expect(linesOf(file)).toMatchObject([{ msg: 'the next' }]);
  });

  it('goes on in the file that is there when no other one can be begun', () => {
    const log = say(1);
    // Folders in the place of the files: renaming fails, whatever this account may do.
    for (const n of [1, 2, 3, 4]) mkdirSync(`${file}.${n}/in`, { recursive: true });
    say(50, log);
    expect(linesOf(file)).toHaveLength(51);
  });
});
