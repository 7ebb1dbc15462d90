import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { detectGpus } from '@anneal/compute';
import { demandModelFolder } from '@anneal/engine';
import { installEngine } from '@anneal/engine/install';
import { installLmEval } from '@anneal/engine/install-lm-eval';
import { runHarness, servedModel } from '@anneal/evaluation';
import type { Evaluated } from './evaluate.js';

export interface HarnessOptions {
  readonly model: string;
  readonly task: string;
  readonly shots?: number | undefined;
  readonly limit?: number | undefined;
  readonly include?: string | undefined;
  readonly served?: string | undefined;
  readonly concurrency: number;
  readonly batch: number;
  readonly out: string | undefined;
  readonly workDir: string;
  readonly signal: AbortSignal;
}

/** Runs a task of lm-eval on a model, with the harness itself, and writes its items like those of any other benchmark. */
export async function evaluateHarness(options: HarnessOptions): Promise<Evaluated> {
  const started = performance.now();
  const { task, shots, limit, include, out, workDir, signal } = options;
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const server = /^https?:\/\//.test(options.model);
  const folder = resolve(options.model);
  if (!server) await demandModelFolder(folder);
  const engine = await installEngine({ log });
  const { packages } = await installLmEval({ log });
  const [gpu] = server ? [] : await detectGpus();
  const key = process.env['OPENAI_API_KEY'];
  const served = server ? (options.served ?? (await servedModel(options.model, key, signal))) : '';
  const { items, metric } = await runHarness({
    ...{ engine, packages, task, shots, limit, signal },
    include: include === undefined ? undefined : resolve(include),
    model: server ? { url: options.model, name: served } : { folder, device: gpu ? 'gpu' : 'cpu' },
    batch: server ? options.concurrency : options.batch,
    // A task of one's own says where its data lies; all others have it on the Hub.
    online: include === undefined,
    threads: availableParallelism(),
    gpus: gpu ? [gpu.index] : [],
    directory: join(workDir, 'lm-eval'),
    ...(process.stderr.isTTY ? { onLog: (text: string) => void process.stderr.write(text) } : {}),
  });
  const name = server ? `${served} at ${options.model}` : folder;
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
    settings: { harness: 'lm-eval', task, metric, ...(shots === undefined ? {} : { shots }) },
  };
}
