import { mkdir } from 'node:fs/promises';
import { Failure, type AcceptedRunSpec, type Benchmark as BenchmarkSpec } from '@anneal/contracts';
import type { BenchmarkText, Reach } from '@anneal/datasets';
import type { InstalledHarness } from '../harness/installed-harness.js';
import type { BenchmarkContext, Prompt } from './benchmark.js';
import { fromHub, fromStore } from './fetched.js';
import { describedTask } from './lm-eval/lm-eval.benchmark.js';
import { labelsOf } from './load.benchmarks.js';
import { bringHere } from './mmlu-pro/directory.js';
import { readTest } from './mmlu-pro/rows.js';
import { ownSet } from './own-set/own-set.benchmark.js';

export interface BenchmarkTexts {
  readonly texts: readonly BenchmarkText[];
  /** Benchmarks whose questions are not at hand, and why. */
  readonly unchecked: readonly { readonly benchmark: string; readonly reason: string; readonly failure: Failure }[];
}

interface Where {
  /** What the run may read; the Hub and the store are asked for benchmarks that lie there. */
  readonly reach: Reach;
  /** lm-eval, where it is installed: without it, questions of its tasks are not at hand. */
  readonly harness?: InstalledHarness | undefined;
  /** A folder for these benchmarks alone. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

/**
 * What the benchmarks of a run ask, so that no answer of theirs is trained on. Held-out rows are left out: they are kept
 * apart when the set is split.
 */
export async function benchmarkTexts(
  { benchmarks }: AcceptedRunSpec['evaluation'],
  { reach, harness, directory, signal }: Where,
): Promise<BenchmarkTexts> {
  await mkdir(directory, { recursive: true });
  const { fileRoots, store } = reach;
  const context = {
    ...{ fileRoots, dataset: undefined, signal, harness, fetchDataset: fromHub(directory, reach) },
    ...(store === undefined ? {} : { fetchArtifact: fromStore(directory, store) }),
  };
  const labels = labelsOf(benchmarks);
  const texts: BenchmarkText[] = [];
  const unchecked: { benchmark: string; reason: string; failure: Failure }[] = [];
  for (const [index, spec] of benchmarks.entries()) {
    const benchmark = labels[index] ?? spec.name;
    try {
      const asked = await questionsOf(spec, { ...context, field: `evaluation.benchmarks.${index}` });
      texts.push(...asked.map(({ item, text }) => ({ benchmark, item, text })));
    } catch (error) {
      signal.throwIfAborted();
      // The evaluator is the one that fails a run for it, or finds the benchmark on its own machine.
      if (!(error instanceof Failure)) throw error;
      unchecked.push({ benchmark, reason: withoutFolders(error.message, directory), failure: error });
    }
  }
  return { texts, unchecked };
}

/** The folder is another one each time, and no concern of whoever reads why a benchmark was not checked. */
function withoutFolders(message: string, directory: string): string {
  return message
    .split(' ')
    .map((word) => (word.startsWith(directory) ? 'What was fetched' : word))
    .join(' ');
}

async function questionsOf(spec: BenchmarkSpec, context: BenchmarkContext): Promise<{ item: string; text: string }[]> {
  switch (spec.name) {
    case 'held-out':
      return [];
    case 'own-set': {
      // All of them: another run may ask those that this one leaves out.
      const { items } = await ownSet({ ...spec, limit: undefined }, context);
      return items.map(({ id, prompt }) => ({ item: id, text: questionOf(prompt) }));
    }
    case 'mmlu-pro': {
      // The prompts of this benchmark hold its examples, too; only the question is looked for.
      const test = await readTest((await bringHere(spec, context)).directory);
      const wanted = spec.subjects && new Set(spec.subjects);
      return test
        .filter(({ category }) => !wanted || wanted.has(category))
        .map(({ question_id: id, question }) => ({ item: String(id), text: question }));
    }
    case 'lm-eval': {
      const { items } = await describedTask({ ...spec, shots: undefined, limit: undefined }, context);
      return items.map(({ id, question }) => ({ item: id, text: question }));
    }
  }
}

function questionOf(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  return prompt.messages.findLast(({ role }) => role === 'user')?.content ?? '';
}
