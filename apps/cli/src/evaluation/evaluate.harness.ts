import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { detectGpus } from '@anneal/compute';
import { carriedRunSpec } from '@anneal/contracts';
import { demandModelFolder } from '@anneal/engine';
import {
  batchName,
  groupScores,
  loadBenchmarks,
  questionsOf,
  servedModel,
  TaskAsking,
  type HarnessItem,
  type InstalledHarness,
} from '@anneal/evaluation';
import type { Evaluated } from './evaluate.js';
import { installHarness } from './installed.harness.js';

export interface HarnessOptions {
  readonly model: string;
  readonly task: string;
  readonly shots?: number | undefined;
  readonly limit?: number | undefined;
  readonly metric?: string | undefined;
  readonly prompt?: string | undefined;
  readonly oneTurn: boolean;
  readonly system?: string | undefined;
  readonly include?: string | undefined;
  readonly served?: string | undefined;
  readonly concurrency: number;
  readonly batch: number;
  readonly out: string | undefined;
  readonly workDir: string;
  readonly signal: AbortSignal;
  /** Told while answers come. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Runs a task of lm-eval, or a group of them, on a model, with the harness itself, and writes its items like those of any other benchmark. */
export async function evaluateHarness(options: HarnessOptions): Promise<Evaluated> {
  const started = performance.now();
  const { task, out, workDir, signal, onProgress } = options;
  const server = /^https?:\/\//.test(options.model);
  const folder = resolve(options.model);
  if (!server) await demandModelFolder(folder);
  const key = process.env['OPENAI_API_KEY'];
  const served = server ? (options.served ?? (await servedModel(options.model, key, signal))) : undefined;
  const harness = await installHarness(options.include);
  const benchmark = await loadTask(options, harness);
  const [gpu] = server ? [] : await detectGpus();
  const asking = new TaskAsking(
    harness,
    server
      ? { form: 'server', url: options.model, key, concurrency: options.concurrency }
      : { form: 'batch', device: gpu?.index ?? 'cpu', batch: options.batch },
    { workDir, leaseSeconds: 30 },
  );
  const name = server ? `${served} at ${options.model}` : folder;
  const { items, metric } = await asking.ask({
    ...{ described: benchmark.task.described, metric: options.metric, signal },
    ...{ model: server ? undefined : folder, served },
    directory: join(workDir, batchName(name, questionsOf([benchmark]))),
    job: { id: 'evaluate', attempt: 1, token: '1' },
    onProgress: (answered, of) =>
      onProgress(Math.floor((benchmark.items.length * answered) / of), benchmark.items.length),
  });
  if (out !== undefined) {
    const lines = items.map((item) => ({ ...item, correct: item.outcome === 'correct', model: name }));
    await writeFile(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
  const count = (wanted: string): number => items.filter(({ outcome }) => outcome === wanted).length;
  const correct = count('correct');
  return {
    benchmark: `lm-eval:${task}`,
    model: name,
    n: items.length,
    correct,
    wrong: count('wrong'),
    unparsed: count('unparsed'),
    failed: 0,
    accuracy: correct / items.length,
    known: 0,
    seconds: (performance.now() - started) / 1000,
    problems: [],
    ...(benchmark.groups ? { groups: groupScores(benchmark.groups, items.map(rightInTask)) } : {}),
    settings: { ...benchmark.settings, metric, inference: asking.settings },
  };
}

function rightInTask({ task, outcome }: HarnessItem): { subject: string; isRight: boolean } {
  return { subject: task, isRight: outcome === 'correct' };
}

async function loadTask(options: HarnessOptions, harness: InstalledHarness) {
  const { task, shots, limit, metric, prompt, oneTurn, system, signal } = options;
  const multiturn = prompt === 'chat' ? !oneTurn : undefined;
  const benchmarks = [{ name: 'lm-eval', task, shots, limit, metric, prompt, multiturn, system }];
  const evaluation = carriedRunSpec.shape.evaluation.parse({ benchmarks, policy: {} });
  const [benchmark] = await loadBenchmarks({ evaluation }, { fileRoots: [], dataset: undefined, harness, signal });
  if (benchmark?.task === undefined) throw new Error('no task was loaded');
  return { ...benchmark, task: benchmark.task };
}
