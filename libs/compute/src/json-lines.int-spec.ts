import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followJsonLines } from './json-lines.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-lines-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('followJsonLines', () => {
  it('waits for the file and for the end of each line, also within a character', async () => {
    const path = join(folder, 'events.jsonl');
    const seen: unknown[] = [];
    const abort = new AbortController();
    const following = followJsonLines(path, (value, raw) => seen.push(value ?? raw), { signal: abort.signal });
    await new Promise((resolve) => setTimeout(resolve, 120));
    const line = Buffer.from('{"loss":1,"text":"ü"}\n');
    await writeFile(path, line.subarray(0, 18));
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(seen).toEqual([]);
    await appendFile(path, Buffer.concat([line.subarray(18), Buffer.from('not json\n\n{"loss":2}\r\n{"lo')]));
    await expect.poll(() => seen).toEqual([{ loss: 1, text: 'ü' }, 'not json', { loss: 2 }]);
    abort.abort();
    await following;
    expect(seen).toHaveLength(3);
  });

  it('reads all that was written before it is aborted, and a last line without an end', async () => {
    const path = join(folder, 'events.jsonl');
    const lines = Array.from({ length: 20_000 }, (_none, step) => JSON.stringify({ step, pad: 'x'.repeat(40) }));
    await writeFile(path, lines.join('\n'));
    const seen: unknown[] = [];
    await followJsonLines(path, (value) => seen.push(value), { signal: AbortSignal.abort() });
    expect(seen).toHaveLength(20_000);
    expect(seen.at(-1)).toMatchObject({ step: 19_999 });
  });

  it('ends when there never was a file, and fails with what the reader throws', async () => {
    const never = followJsonLines(join(folder, 'never'), () => undefined, { signal: AbortSignal.abort() });
    await expect(never).resolves.toBeUndefined();
    await writeFile(join(folder, 'bad'), '{}\n');
    const failing = followJsonLines(
      join(folder, 'bad'),
      () => {
        throw new Error('no');
      },
      { signal: new AbortController().signal },
    );
    await expect(failing).rejects.toThrow('no');
  });
});
