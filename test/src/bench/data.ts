import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseRunSpec, type DataReport } from '@anneal/contracts';
import { findTokenizer, prepareSetInThread, stageSource, type Reach, type SetInput } from '@anneal/datasets';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine } from '@anneal/engine/install';
import { benchmarkTexts } from '@anneal/evaluation';
import { z } from 'zod';
import { installDatasketch } from './datasketch.js';
import { pssMiB } from './memory.js';
import type { Bench, Result } from './result.js';
import { Samples } from './samples.js';

const run = promisify(execFile);
const lookMs = 5;
const memoryMs = 200;

const truthFile = z.object({ rows: z.int(), counts: z.record(z.string(), z.int()) });
type Truth = z.infer<typeof truthFile>;
const pipeline = z.object({
  steps: z.record(z.string(), z.number()),
  rss_self_mb: z.number(),
  rss_child_mb: z.number(),
});

/**
 * Rows of question and answer prepared as a run would have them, beside the usual pipeline in Python (Hugging Face `datasets`)
 * that does the same steps to the same file. Both need a folder of scripts and data, which is no part of the project.
 */
export const data: Bench = async ({ quick }) => {
  const shared = sharedFolder();
  if (shared === undefined) {
    process.stderr.write('data is skipped: set ANNEAL_BENCH_SHARED to a folder with bench-peers and data.\n');
    return [];
  }
  const folder = await mkdtemp(join(tmpdir(), 'anneal-bench-'));
  try {
    return await measure(shared, folder, quick ? 5000 : 50_000, quick ? 1 : 3);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

function sharedFolder(): string | undefined {
  const named = process.env['ANNEAL_BENCH_SHARED'];
  if (named) return named;
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'shared', 'bench-peers', 'gen_prep.py'))) return join(folder, 'shared');
  }
  return undefined;
}

async function measure(shared: string, folder: string, rows: number, repeats: number): Promise<Result[]> {
  const engine = await installEngine();
  const { dir: model } = await installDemoModel({ engine });
  const [source, mmlu] = [join(folder, 'rows.parquet'), join(shared, 'data', 'mmlu-pro', 'hf')];
  const test = join(mmlu, 'data', 'test-00000-of-00001.parquet');
  const script = (name: string): string => join(shared, 'bench-peers', name);
  await run(engine.python, [script('gen_prep.py'), test, source, String(rows)]);
  const truth = truthFile.parse(JSON.parse(await readFile(source.replace('.parquet', '.truth.json'), 'utf8')));
  const [whole, untokenised, lag, memory] = [new Samples(), new Samples(), new Samples(), new Samples()];
  const [usual, vectorised] = [new PipelineSamples(), new PipelineSamples()];
  const peer = {
    python: engine.python,
    packages: await installDatasketch(),
    args: [script('prep_datasets.py'), source, test, join(model, 'tokenizer.json'), join(folder, 'peer.parquet')],
  };
  for (let time = 0; time < repeats; time += 1) {
    const request = { source, mmlu, folder: join(folder, String(time)) };
    requirePlanted(await timed(whole, () => prepare({ ...request, model }, { lag, memory })), truth);
    requirePlanted(await timed(untokenised, () => prepare({ ...request, folder: `${request.folder}-plain` })), truth);
    await usual.time(peer, 'datasketch');
    await vectorised.time(peer, 'vector');
  }
  const faster = (times: number, than: Samples) => (samples: Samples) => samples.median * times <= than.median;
  return [
    {
      name: `prepare ${rows} rows`,
      unit: 'ms',
      samples: whole,
      goal: { what: '2.5 times as fast as datasets', met: faster(2.5, usual.whole) },
    },
    {
      name: `prepare ${rows} rows, without token counts`,
      unit: 'ms',
      samples: untokenised,
      goal: { what: '5 times as fast as datasets', met: faster(5, usual.untokenised) },
    },
    { name: 'Hugging Face datasets, the same steps', unit: 'ms', samples: usual.whole },
    { name: 'the same, without token counts', unit: 'ms', samples: usual.untokenised },
    { name: 'datasets, with a vectorised MinHash', unit: 'ms', samples: vectorised.whole },
    { name: 'the same, without token counts', unit: 'ms', samples: vectorised.untokenised },
    {
      name: 'delay of the event loop meanwhile',
      unit: 'ms',
      samples: lag,
      goal: { what: 'p99 < 50 ms', met: ({ p99 }) => p99 < 50 },
    },
    { name: 'memory meanwhile, whole process', unit: 'MiB', samples: memory },
  ];
}

/** How long the pipeline in Python takes, from the loaded packages on. */
class PipelineSamples {
  readonly whole = new Samples();
  readonly untokenised = new Samples();

  /** @param minHash `datasketch` as most pipelines have it, or `vector`, which is the fastest that Python can do */
  async time(
    { python, packages, args }: { python: string; packages: string; args: readonly string[] },
    minHash: 'datasketch' | 'vector',
  ): Promise<void> {
    const env = { ...process.env, PYTHONPATH: packages };
    const { stdout } = await run(python, [...args, '--minhash', minHash], { env, maxBuffer: 1024 ** 3 });
    const { steps } = pipeline.parse(JSON.parse(stdout));
    const { total_after_import: all = 0, token_counts: counting = 0, tokenizer_load: loading = 0 } = steps;
    this.whole.add(all * 1000);
    this.untokenised.add((all - counting - loading) * 1000);
  }
}

interface Prepared {
  readonly source: string;
  readonly mmlu: string;
  readonly folder: string;
  readonly model?: string;
}

/** From the file to the files of a set, with the questions and the tokenizer read each time. */
async function prepare(
  { source, mmlu, folder, model }: Prepared,
  watched?: { lag: Samples; memory: Samples },
): Promise<DataReport> {
  const signal = new AbortController().signal;
  const reach: Reach = { fileRoots: ['/'], hub: { endpoint: 'http://127.0.0.1:9', token: undefined } };
  const parsed = parseRunSpec({
    model: { base: `file:${model ?? '/none'}` },
    dataset: { source: `file:${source}` },
    training: { method: 'lora' },
    evaluation: { benchmarks: [{ name: 'mmlu-pro', source: `file:${mmlu}` }] },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { dataset, training, model: base } = parsed.spec;
  const stop = watched ? watch(watched) : () => undefined;
  const { texts } = await benchmarkTexts(parsed.spec, { reach, directory: `${folder}-benchmarks`, signal });
  const input: SetInput = {
    source: await stageSource(dataset, { field: 'dataset.source', directory: `${folder}-source`, signal, reach }),
    dataset,
    training,
    heldOut: 0,
    tokenizer: model === undefined ? undefined : await findTokenizer(base, reach, signal),
    benchmarks: texts,
    uncheckedBenchmarks: [],
  };
  const report = await prepareSetInThread(input, { directory: folder, signal });
  stop();
  return report;
}

/** How late a timer of this thread is, which is how long a request would wait; and what the whole process takes. */
function watch({ lag, memory }: { lag: Samples; memory: Samples }): () => void {
  let last = performance.now();
  const looking = setInterval(() => {
    const now = performance.now();
    lag.add(Math.max(0, now - last - lookMs));
    last = now;
  }, lookMs);
  const weighing = setInterval(() => memory.add(pssMiB(process.pid)), memoryMs);
  return () => {
    clearInterval(looking);
    clearInterval(weighing);
  };
}

async function timed<T>(samples: Samples, work: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await work();
  samples.add(performance.now() - from);
  return result;
}

/** A figure for work that was not done would be worth nothing. */
function requirePlanted(
  { rows, dropped, duplicates, decontamination }: DataReport,
  { rows: made, counts }: Truth,
): void {
  const { contaminated = 0, empty = 0, exact = 0, near = 0 } = counts;
  const found = {
    rows: rows === made,
    empty: dropped === empty,
    exact: duplicates.exact >= exact - empty && duplicates.exact <= exact + empty,
    // MinHash is an estimate.
    near: duplicates.near >= near * 0.98 && duplicates.near <= near * 1.02,
    contaminated: decontamination.removed >= contaminated,
  };
  const missed = Object.entries(found).filter(([, isFound]) => !isFound);
  if (missed.length > 0)
    throw new Error(`planted, but not found: ${missed.map(([what]) => what).join(', ')} (${JSON.stringify(counts)})`);
}
