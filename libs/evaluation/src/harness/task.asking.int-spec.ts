import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { lmEvalProcessEnv } from '@anneal/engine';
import { CompletionsServer, installedEngine, installedLmEval, specWith, writeOwnTasks } from '@anneal/testing';
import type { RunSpecInput } from '@anneal/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { benchmarkTexts } from '../benchmarks/benchmark.texts.js';
import { loadBenchmarks, type LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import type { InstalledHarness } from './installed-harness.js';
import { groupScores } from '../report/group.scores.js';
import { TaskAsking, type HarnessPlace, type TaskRequest } from './task.asking.js';

const installed = installedLmEval();
const engine = installedEngine();
const job = { id: 'job', attempt: 1, token: '1' };

type Benchmark = NonNullable<NonNullable<RunSpecInput['evaluation']>['benchmarks']>[number];

// Side by side, since lm-eval takes seconds to start on one core.
describe('a task of lm-eval', { timeout: 900_000, concurrent: true }, () => {
  let folder = '';
  let harness: InstalledHarness;
  beforeEach(({ skip }) => {
    if (typeof installed === 'string') skip(installed);
  });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-harness-'));
    writeOwnTasks(join(folder, 'tasks'), 4);
    const { python, packages } = typeof installed === 'string' ? { python: '', packages: '' } : installed;
    const folders = [join(folder, 'tasks')];
    harness = { engine: { python }, packages, folders, data: join(folder, 'data'), threads: 1 };
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function startServer({ onTestFinished }: TestContext): Promise<CompletionsServer> {
    const server = await CompletionsServer.start();
    onTestFinished(() => server.stop());
    return server;
  }
  async function load(benchmark: Benchmark, by = harness): Promise<LoadedBenchmark> {
    const context = { fileRoots: [], dataset: undefined, harness: by, signal: new AbortController().signal };
    const [loaded] = await loadBenchmarks(specWith({ benchmarks: [benchmark] }), context);
    if (!loaded) throw new Error('nothing was loaded');
    return loaded;
  }
  // Each with a line of its own for the CPU.
  const asking = (place: HarnessPlace): TaskAsking =>
    new TaskAsking(harness, place, { workDir: mkdtempSync(join(folder, 'work-')), leaseSeconds: 5 });
  function requestOf({ task }: LoadedBenchmark, name: string): Omit<TaskRequest, 'model'> {
    if (!task) throw new Error('it is no task');
    return { ...task, directory: join(folder, name), job, signal: new AbortController().signal };
  }

  it('says what it asks without a model, and is asked and scored on a server, where nothing is asked twice', async (test) => {
    const server = await startServer(test);
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

  it('is asked through the chat template, with its examples as turns or in one, and under an instruction', async (test) => {
    const server = await startServer(test);
    const task = { name: 'lm-eval', task: 'own_shots', limit: 2, prompt: 'chat', system: 'Be short.' } as const;
    server.answer = ({ text }) => String(Number(/(\d+) \+ 1\?\nAnswer:$/.exec(text)?.[1]) + 1);
    const place = { form: 'server', url: server.url, concurrency: 1 } as const;
    const said = async (more: object, name: string) => {
      server.asked.length = 0;
      const loaded = await load({ ...task, ...more });
      const { items } = await asking(place).ask({ ...requestOf(loaded, name), model: undefined, served: 'small' });
      // Whatever examples were drawn: what is asked is what was described, down to the last of them.
      const described = loaded.items.map(({ prompt }) => prompt);
      expect(server.asked.map(({ messages }) => ({ messages }))).toEqual(expect.arrayContaining(described));
      expect(items.map(({ outcome }) => outcome)).toEqual(['correct', 'correct']);
      return {
        loaded,
        roles: server.asked[0]?.messages?.map(({ role }) => role),
        first: server.asked[0]?.messages?.[0],
      };
    };
    const turns = await said({}, 'turns');
    expect(turns.roles).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user']);
    expect(turns.first?.content).toBe('Be short.\n\nAdd up.\n\n');
    expect(turns.loaded.settings).toMatchObject({ prompt: 'chat', multiturn: true, system: 'Be short.', shots: 2 });
    const together = await said({ multiturn: false }, 'together');
    expect(together.roles).toEqual(['system', 'user']);
    const plain = await load({ ...task, prompt: 'completion' });
    const digests = [turns.loaded, together.loaded, plain].map(({ items: [first] }) => first?.digest);
    expect(new Set(digests).size).toBe(3);
  });

  it('has its conversations written by the template of a model in a folder, and is refused for one without', async ({
    skip,
  }) => {
    if (typeof engine === 'string') return skip(engine);
    const place = { form: 'batch', device: 'cpu', batch: 4 } as const;
    const loaded = await load({ name: 'lm-eval', task: 'own_pick', limit: 2, prompt: 'chat' });
    const { items } = await asking(place).ask({ ...requestOf(loaded, 'chat'), model: engine.model });
    expect(items[0]?.prompt).toContain('<|im_start|>user\nWhat is');
    expect(items.map(({ digest }) => digest)).toEqual(loaded.items.map(({ digest }) => digest));
    const bare = join(folder, 'bare');
    cpSync(engine.model, bare, { recursive: true, dereference: true });
    rmSync(join(bare, 'chat_template.jinja'), { force: true });
    const config = join(bare, 'tokenizer_config.json');
    const { chat_template: _none, ...rest } = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>;
    writeFileSync(config, JSON.stringify(rest));
    await expect(asking(place).ask({ ...requestOf(loaded, 'bare-chat'), model: bare })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      message: 'The model has no chat template, and its task is asked through one.',
    });
  });

  it('may be a group: items of all its tasks, a share of each, and the sums that lm-eval itself makes', async (test) => {
    const server = await startServer(test);
    const sample = await load({ name: 'lm-eval', task: 'own_all', limit: 9 });
    expect(sample).toMatchObject({ label: 'lm-eval:own_all', sampledFrom: 12 });
    expect(sample.settings).toMatchObject({ tasks: [{ task: 'own_sums' }, { task: 'own_shots', shots: 2 }] });
    const ofTask = (task: string) =>
      sample.items.filter(({ id, subject }) => subject === task && id.startsWith(`${task}/`));
    expect([ofTask('own_sums').length, ofTask('own_shots').length, sample.items.length]).toEqual([3, 6, 9]);
    // Every question of the small task is answered, and half of those of the large one.
    server.answer = ({ text }) => {
      const n = Number(/(\d+) \+ 1\?\nAnswer:$/.exec(text)?.[1]);
      return text.startsWith('Add up') && n % 2 === 0 ? '0' : String(n + 1);
    };
    const place = { form: 'server', url: server.url, concurrency: 2 } as const;
    const whole = await load({ name: 'lm-eval', task: 'own_all' });
    const { items } = await asking(place).ask({ ...requestOf(whole, 'all'), model: undefined, served: 'small' });
    expect(items.map(({ id, digest }) => [id, digest])).toEqual(whole.items.map(({ id, digest }) => [id, digest]));
    const right = items.map(({ task, outcome }) => ({ subject: task, isRight: outcome === 'correct' }));
    const scores = groupScores(whole.groups ?? [], right).map(({ group, accuracy }) => [group, accuracy] as const);
    expect(scores).toEqual([
      ['own_all', 8 / 12],
      ['own_even', 0.75],
    ]);
    expect(await scoresOfHarness('own_all', server)).toEqual(Object.fromEntries(scores));
  });

  /** What lm-eval says of a group and of those in it when it is called by hand. */
  async function scoresOfHarness(
    group: string,
    server: CompletionsServer,
  ): Promise<Record<string, number | undefined>> {
    const output = join(folder, 'by-hand');
    const model = `model=small,base_url=${server.url}/completions,tokenizer_backend=none,tokenized_requests=False`;
    const { code, stderr } = await runToEnd({
      command: harness.engine.python,
      args: [
        ...['-m', 'lm_eval', 'run', '--model', 'local-completions', '--model_args', model, '--tasks', group],
        ...['--include_path', join(folder, 'tasks'), '--output_path', output],
      ],
      env: lmEvalProcessEnv(harness.engine, { ...harness, home: folder }),
      cwd: folder,
    });
    if (code !== 0) throw new Error(stderr);
    const file =
      readdirSync(output, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.json')) ?? '';
    const { groups } = JSON.parse(readFileSync(join(output, file), 'utf8')) as {
      groups: Record<string, Record<string, number>>;
    };
    return Object.fromEntries(Object.entries(groups).map(([name, scores]) => [name, scores['exact_match,none']]));
  }

  it('is refused as a group when one of its tasks says nothing of single items, and when there is none of the name', async () => {
    await expect(load({ name: 'lm-eval', task: 'own_mixed' })).rejects.toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: 'The task own_whole is scored by bleu, which says of no single item whether it is right.',
    });
    await expect(load({ name: 'lm-eval', task: 'own_nothing' })).rejects.toThrow('knows no task own_nothing');
  });

  it('is refused before anything is asked when its data is not here, or lm-eval is not', async () => {
    const gone = { task: 'own_gone', dataset_path: 'acme/nothing', test_split: 'test', output_type: 'generate_until' };
    const folders = [mkdtempSync(join(folder, 'tasks-'))];
    writeFileSync(join(...folders, 'own_gone.yaml'), JSON.stringify({ ...gone, doc_to_text: 'q', doc_to_target: 'a' }));
    await expect(load({ name: 'lm-eval', task: 'own_gone' }, { ...harness, folders })).rejects.toMatchObject({
      code: 'SOURCE_OFFLINE',
      message: expect.stringContaining('The data of the task own_gone (acme/nothing) cannot be read') as string,
    });
    const bare = { ...harness, packages: folder };
    await expect(load({ name: 'lm-eval', task: 'own_sums' }, bare)).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
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
      { benchmark: 'lm-eval:own_sums', reason: expect.stringContaining('lm-eval is not installed here') as string },
    ]);
  });
});
