import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompletionsServer } from '@anneal/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runHarness } from './harness.js';

const installed = installedHarness();

describe('a task of lm-eval', { timeout: 300_000 }, () => {
  const { python = '', packages = '' } = installed ?? {};
  let folder = '';
  let server: CompletionsServer;
  beforeEach(({ skip }) => {
    if (!installed) skip('the engine or lm-eval is not installed');
  });
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-harness-'));
    server = await CompletionsServer.start();
    const rows = [1, 2, 3].map((n) => ({ question: `What is ${n} + 1?`, answer: String(n + 1) }));
    writeFileSync(join(folder, 'sums.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const task = {
      task: 'own_sums',
      dataset_path: 'json',
      dataset_kwargs: { data_files: { test: join(folder, 'sums.jsonl') } },
      ...{ test_split: 'test', output_type: 'generate_until' },
      ...{ doc_to_text: '{{question}}\nAnswer:', doc_to_target: '{{answer}}' },
      generation_kwargs: { until: ['\n'], max_gen_toks: 8 },
      metric_list: [{ metric: 'exact_match' }],
    };
    // JSON is YAML.
    writeFileSync(join(folder, 'own_sums.yaml'), JSON.stringify(task));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (task: string) =>
    runHarness({
      ...{ engine: { python }, packages, task, include: folder, online: false, threads: 1, gpus: [], batch: 2 },
      model: { url: server.url, name: 'small' },
      ...{ shots: 0, directory: join(folder, 'work'), signal: new AbortController().signal },
    });

  it('is asked and scored by lm-eval, read item by item, and asks nothing twice', async () => {
    server.answer = ({ text }) => (text.includes('3 + 1') ? '5' : String(Number(/\d/.exec(text)?.[0]) + 1));
    const { items, metric } = await run('own_sums');
    expect(metric).toBe('exact_match');
    expect(items.map(({ id, prompt, expected, text, outcome }) => [id, prompt, expected, text, outcome])).toEqual([
      ['0', 'What is 1 + 1?\nAnswer:', '2', '2', 'correct'],
      ['1', 'What is 2 + 1?\nAnswer:', '3', '3', 'correct'],
      ['2', 'What is 3 + 1?\nAnswer:', '4', '5', 'wrong'],
    ]);
    await run('own_sums');
    expect(server.asked).toHaveLength(3);
  });
});

/** The engine and lm-eval where the installers put them. */
function installedHarness(): { python: string; packages: string } | undefined {
  const { ANNEAL_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  const find = (pattern: RegExp): string | undefined =>
    (existsSync(cache) ? readdirSync(cache) : [])
      .filter((name) => pattern.test(name))
      .map((name) => join(cache, name))
      .find((path) => existsSync(join(path, '.ok')));
  const engine = find(/^engine-[0-9a-f]+$/);
  const harness = find(/^lm-eval-[0-9a-f]+$/);
  if (engine === undefined || harness === undefined) return undefined;
  const packages = join(harness, 'lib', 'python3.12', 'site-packages');
  return { python: join(engine, 'bin', 'python'), packages };
}
