import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { specWith, startHub, type SmallHub } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { benchmarkTexts, requireChecked } from './benchmark.texts.js';

const source = 'acme/mmlu-pro';
let folder: string;
let hub: SmallHub;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-texts-'));
  hub = await startHub();
});
afterEach(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

const line = (id: number, more: object = {}): string =>
  `${JSON.stringify({ question_id: id, question: `q${id}`, options: ['x', 'y', 'z'], answer: 'B', category: 'math', ...more })}\n`;

interface Wanted {
  readonly offline?: boolean;
  readonly decontamination?: 'flag' | 'remove' | 'off';
}
async function texts(
  benchmark: { source?: string; subjects?: string[] } = {},
  { offline = false, decontamination = 'flag' }: Wanted = {},
) {
  const { evaluation } = specWith({ benchmarks: [{ name: 'mmlu-pro', source, revision: 'main', ...benchmark }] });
  const reach = { fileRoots: [folder], hub: { endpoint: hub.url, token: undefined }, offline };
  const where = { reach, directory: join(folder, 'texts'), signal: new AbortController().signal, pausesMs: [1, 1] };
  const spec = { evaluation, dataset: { decontamination } };
  const found = await benchmarkTexts(spec, where);
  requireChecked(spec, found);
  return found;
}
const publish = (put: Record<string, string>) => hub.create(source, { type: 'dataset' }).commit('first', { put });

describe('the questions of a benchmark of the Hub', () => {
  it('are those of its test split in the subjects that are asked', async () => {
    publish({ 'data/test-00000-of-00001.jsonl': line(7) + line(8, { category: 'law' }), 'data/train.jsonl': 'large' });
    expect(await texts({ subjects: ['math'] })).toEqual({
      texts: [{ benchmark: 'mmlu-pro', item: '7', text: 'q7' }],
      unchecked: [],
    });
    expect(hub.requests.some(({ path, call }) => call === 'download' && path.includes('train'))).toBe(false);
  });

  it('are named as unchecked, with the reason, when the Hub may not be asked or is away', async () => {
    const offline = await texts({}, { offline: true });
    expect(offline).toMatchObject({ texts: [], unchecked: [{ benchmark: 'mmlu-pro' }] });
    expect(hub.requests).toEqual([]);
    await hub.stop();
    const away = await texts();
    expect(away.unchecked[0]?.reason).toContain('Hub');
    expect(away.unchecked[0]?.reason).not.toBe(offline.unchecked[0]?.reason);
  });

  it('are asked for again when the Hub is away for a moment', async () => {
    publish({ 'data/test.jsonl': line(7) });
    for (const status of [503, 502]) hub.faults.add('info', { kind: 'status', status });
    expect(await texts({}, { decontamination: 'remove' })).toMatchObject({ texts: [{ item: '7' }], unchecked: [] });
  });

  it('are needed when rows that hold one are to be removed', async () => {
    await expect(texts({}, { decontamination: 'remove' })).rejects.toMatchObject({
      retryable: false,
      message: expect.stringMatching(/^The rows cannot be checked against mmlu-pro: /) as string,
      remedy: expect.stringContaining('dataset.decontamination to flag or off') as string,
    });
    await hub.stop();
    const away = { code: 'HUB_UNAVAILABLE', retryable: true };
    await expect(texts({}, { decontamination: 'remove' })).rejects.toMatchObject(away);
  });

  it('are not fetched when nobody wants rows to be compared', async () => {
    publish({ 'data/test.jsonl': line(7) });
    expect(await texts({}, { decontamination: 'off' })).toEqual({ texts: [], unchecked: [] });
    expect(hub.requests).toEqual([]);
  });

  it('have a reason that is the same each time, whatever folder they were brought to', async () => {
    publish({ 'validation.jsonl': line(1, { cot_content: 'A: B.' }) });
    const [once, twice] = [await texts(), await texts()];
    const reason = 'What was fetched has no test file of MMLU-Pro.';
    for (const { unchecked } of [once, twice]) expect(unchecked).toMatchObject([{ benchmark: 'mmlu-pro', reason }]);
  });

  it('cannot come from an artifact where there is no store', async () => {
    const { unchecked } = await texts({ source: `artifact:${'ab'.repeat(32)}` });
    expect(unchecked[0]?.reason).toContain('cannot be fetched from artifact:');
  });
});
