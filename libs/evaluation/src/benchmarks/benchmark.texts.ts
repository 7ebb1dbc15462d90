import { Failure, type AcceptedRunSpec, type Benchmark as BenchmarkSpec } from '@anneal/contracts';
import { resolveFileReference } from '@anneal/artifacts';
import type { BenchmarkText } from '@anneal/datasets';
import type { BenchmarkContext, Prompt } from './benchmark.js';
import { labelsOf } from './load.benchmarks.js';
import { readTest } from './mmlu-pro/rows.js';
import { ownSet } from './own-set/own-set.benchmark.js';

export interface BenchmarkTexts {
  readonly texts: readonly BenchmarkText[];
  /** Benchmarks whose questions are not at hand, and why. */
  readonly unchecked: readonly { readonly benchmark: string; readonly reason: string }[];
}

type Context = Omit<BenchmarkContext, 'field' | 'dataset'>;

/**
 * What the benchmarks of a run ask, so that no answer of theirs is trained on. Held-out rows are left out: they are kept
 * apart when the set is split.
 */
export async function benchmarkTexts(
  { benchmarks }: AcceptedRunSpec['evaluation'],
  context: Context,
): Promise<BenchmarkTexts> {
  const labels = labelsOf(benchmarks.map(({ name }) => name));
  const texts: BenchmarkText[] = [];
  const unchecked: { benchmark: string; reason: string }[] = [];
  for (const [index, spec] of benchmarks.entries()) {
    const benchmark = labels[index] ?? spec.name;
    try {
      const asked = await questionsOf(spec, { ...context, field: `evaluation.benchmarks.${index}` });
      texts.push(...asked.map(({ item, text }) => ({ benchmark, item, text })));
    } catch (error) {
      // The evaluator is the one that fails a run for it, or finds the benchmark on its own machine.
      if (!(error instanceof Failure)) throw error;
      unchecked.push({ benchmark, reason: error.message });
    }
  }
  return { texts, unchecked };
}

async function questionsOf(
  spec: BenchmarkSpec,
  context: Omit<BenchmarkContext, 'dataset'>,
): Promise<{ item: string; text: string }[]> {
  switch (spec.name) {
    case 'held-out':
      return [];
    case 'own-set': {
      // All of them: another run may ask those that this one leaves out.
      const { items } = await ownSet({ ...spec, limit: undefined }, { ...context, dataset: undefined });
      return items.map(({ id, prompt }) => ({ item: id, text: questionOf(prompt) }));
    }
    case 'mmlu-pro': {
      // The prompts of this benchmark hold its examples, too; only the question is looked for.
      const directory = await mmluDirectory(spec.source, context);
      const test = await readTest(directory);
      const wanted = spec.subjects && new Set(spec.subjects);
      return test
        .filter(({ category }) => !wanted || wanted.has(category))
        .map(({ question_id: id, question }) => ({ item: String(id), text: question }));
    }
  }
}

function questionOf(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  return prompt.messages.findLast(({ role }) => role === 'user')?.content ?? '';
}

async function mmluDirectory(source: string, { field, fileRoots }: Omit<BenchmarkContext, 'dataset'>): Promise<string> {
  if (source.startsWith('file:'))
    return resolveFileReference(source, { roots: fileRoots, field: `${field}.source`, missing: 'BENCHMARK_INVALID' });
  throw new Failure('SPEC_UNSUPPORTED', `${source} is not on this machine.`, {
    remedy: 'Name the folder with its files as file:DIRECTORY.',
    field: `${field}.source`,
  });
}
