import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompletionsServer, installedEngine, installedLmEval, specWith, writeOwnTasks } from '@anneal/testing';
import type { RunSpecInput } from '@anneal/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { benchmarkTexts } from '../benchmarks/benchmark.texts.js';
import { loadBenchmarks, type LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import type { InstalledHarness } from './installed-harness.js';
import { TaskAsking, type HarnessPlace, type TaskRequest } from './task.asking.js';

const installed = installedLmEval();
const engine = installedEngine();
const job = { id: 'job', attempt: 1, token: '1' };

type Benchmark = NonNullable<NonNullable<RunSpecInput['evaluation']>['benchmarks']>[number];

describe('a task of lm-eval', { timeout: 300_000 }, () => {
  let folder = '';
  let server: CompletionsServer;
  let harness: InstalledHarness;
  beforeEach(({ skip }) => {
    if (typeof installed === 'string') skip(installed);
  });
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-harness-'));
    server = await CompletionsServer.start();
    writeOwnTasks(join(folder, 'tasks'), 4);
    const { python, packages } = typeof installed === 'string' ? { python: '', packages: '' } : installed;
    const folders = [join(folder, 'tasks')];
    harness = { engine: { python }, packages, folders, data: join(folder, 'data'), threads: 1 };
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function load(benchmark: Benchmark): Promise<LoadedBenchmark> {
    const context = { fileRoots: [], dataset: undefined, harness, signal: new AbortController().signal };
    const [loaded] = await loadBenchmarks(specWith({ benchmarks: [benchmark] }), context);
    if (!loaded) throw new Error('nothing was loaded');
    return loaded;
  }
  const asking = (place: HarnessPlace): TaskAsking =>
    new TaskAsking(harness, place, { workDir: folder, leaseSeconds: 5 });
  function requestOf({ task }: LoadedBenchmark, name: string): Omit<TaskRequest, 'model'> {
    if (!task) throw new Error('it is no task');
    return { ...task, directory: join(folder, name), job, signal: new AbortController().signal };
  }

  it('says what it asks without a model, and is asked and scored on a server, where nothing is asked twice', async () => {
    const loaded = await load({ name: 'lm-eval', task: 'own_sums', limit: 3, seed: 7 });
    expect(loaded).toMatchObject({ label: 'lm-eval:own_sums', sampledFrom: 4 });
    expect(loaded.settings).toMatchObject({ harness: 'lm-eval 0.4.13', task: 'own_sums', version: '1', shots: 0 });
    const answers: Record<string, string> = { '2 + 1': '3', '3 + 1': '5', '4 + 1': '5', '1 + 1': '2' };
    server.answer = ({ text }) => answers[/\d \+ 1/.exec(text)?.[0] ?? ''];
    const place = { form: 'server', url: server.url, concurrency: 2 } as const;
    const told: number[] = [];
    const onProgress = (answered: number): void => void told.push(answered);
    const request = { ...requestOf(loaded, 'sums'), model: undefined, served: 'small', onProgress };
    const { items, metric } = await asking(place).ask(request);
    expect(metric).toBe('exact_match');
    expect(items.map(({ id, digest }) => [id, digest])).toEqual(loaded.items.map(({ id, digest }) => [id, digest]));
    for (const { prompt, text, outcome } of items) {
      const sum = /\d \+ 1/.exec(prompt)?.[0] ?? '';
      expect([text, outcome]).toEqual([answers[sum], sum === '3 + 1' ? 'wrong' : 'correct']);
    }
    expect(told.at(-1)).toBe(3);
    expect(server.asked).toHaveLength(3);
    // As after a kill: the answers are kept, the items are not written yet.
    rmSync(join(folder, 'sums', 'items.jsonl'));
    expect((await asking(place).ask(request)).items).toEqual(items);
    expect(server.asked).toHaveLength(3);
  });

  it('compares likelihoods on a model in a folder, by the metric that is named', async ({ skip }) => {
    if (typeof engine === 'string') skip(engine);
    const loaded = await load({ name: 'lm-eval', task: 'own_pick', metric: 'acc_norm' });
    const place = { form: 'batch', device: 'cpu', batch: 4 } as const;
    const model = typeof engine === 'string' ? '' : engine.model;
    const { items, metric } = await asking(place).ask({ ...requestOf(loaded, 'pick'), model });
    expect(metric).toBe('acc_norm');
    expect(items.map(({ digest }) => digest)).toEqual(loaded.items.map(({ digest }) => digest));
    expect(items.map(({ text }) => text.match(/true|false/g)?.length)).toEqual([2, 2, 2, 2]);
  });

  it('is refused before anything is asked when its data is not here, or lm-eval is not', async () => {
    const gone = { task: 'own_gone', dataset_path: 'acme/nothing', test_split: 'test', output_type: 'generate_until' };
    writeFileSync(
      join(folder, 'tasks', 'own_gone.yaml'),
      JSON.stringify({ ...gone, doc_to_text: 'q', doc_to_target: 'a' }),
    );
    await expect(load({ name: 'lm-eval', task: 'own_gone' })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      message: expect.stringContaining('The data of the task own_gone (acme/nothing) cannot be read') as string,
    });
    rmSync(join(folder, 'tasks', 'own_gone.yaml'));
    harness = { ...harness, packages: folder };
    await expect(load({ name: 'lm-eval', task: 'own_sums' })).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
    harness = { ...harness, packages: typeof installed === 'string' ? '' : installed.packages };
  });

  it('gives its questions to whoever looks for them in a training set, and says why not where it cannot', async () => {
    const { evaluation } = specWith({ benchmarks: [{ name: 'lm-eval', task: 'own_sums', limit: 1 }] });
    const judged = { evaluation, dataset: { decontamination: 'flag' } } as const;
    const where = { directory: join(folder, 'texts'), signal: new AbortController().signal };
    const reach = { fileRoots: [], hub: { endpoint: 'http://127.0.0.1:9', token: undefined } };
    const found = await benchmarkTexts(judged, { reach, harness, ...where });
    expect(found.unchecked).toEqual([]);
    expect(found.texts).toHaveLength(4);
    expect(found.texts[0]).toEqual({ benchmark: 'lm-eval:own_sums', item: '0', text: 'What is 1 + 1?\nAnswer:' });
    expect((await benchmarkTexts(judged, { reach, ...where })).unchecked).toMatchObject([
      { benchmark: 'lm-eval:own_sums', reason: 'lm-eval is not installed for this service.' },
    ]);
  });
});
