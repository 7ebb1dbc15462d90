import type { AcceptedRunSpec, Benchmark as BenchmarkSpec } from '@anneal/contracts';
import type { BenchmarkContext, Questions } from './benchmark.js';
import { lmEval } from './lm-eval/lm-eval.benchmark.js';
import { heldOut } from './held-out/held-out.benchmark.js';
import { mmluPro } from './mmlu-pro/mmlu-pro.benchmark.js';
import { ownSet } from './own-set/own-set.benchmark.js';

export interface LoadedBenchmark extends Questions {
  /** Names the benchmark within its run, in rows, results and report. */
  readonly label: string;
}

/** Loads every benchmark of a run, in the order of its RunSpec. */
export async function loadBenchmarks(
  spec: Pick<AcceptedRunSpec, 'evaluation'>,
  context: Omit<BenchmarkContext, 'field'>,
): Promise<LoadedBenchmark[]> {
  const { benchmarks } = spec.evaluation;
  const labels = labelsOf(benchmarks);
  const loaded: LoadedBenchmark[] = [];
  for (const [index, benchmark] of benchmarks.entries()) {
    const questions = await load(benchmark, { ...context, field: `evaluation.benchmarks.${index}` });
    loaded.push({ label: labels[index] ?? benchmark.name, ...questions });
  }
  return loaded;
}

function load(benchmark: BenchmarkSpec, context: BenchmarkContext): Promise<Questions> {
  switch (benchmark.name) {
    case 'held-out':
      return heldOut(benchmark, context);
    case 'own-set':
      return ownSet(benchmark, context);
    case 'mmlu-pro':
      return mmluPro(benchmark, context);
    case 'lm-eval':
      return lmEval(benchmark, context);
  }
}

/** A name that occurs once stays as it is, with that of its task; the second one of a name becomes NAME-2, and so on. */
export function labelsOf(benchmarks: readonly { name: string; task?: string | undefined }[]): string[] {
  const count = new Map<string, number>();
  return benchmarks.map(({ name: kind, task }) => {
    const name = task === undefined ? kind : `${kind}:${task}`;
    const number = (count.get(name) ?? 0) + 1;
    count.set(name, number);
    return number === 1 ? name : `${name}-${number}`;
  });
}
