import { mkdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
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

/** A benchmark whose questions are not at hand, and why. */
interface Unchecked {
  readonly benchmark: string;
  readonly reason: string;
  /** Of the RunSpec. */
  readonly field: string;
  readonly failure: Failure;
}

export interface BenchmarkTexts {
  readonly texts: readonly BenchmarkText[];
  readonly unchecked: readonly Unchecked[];
}

interface Where {
  /** What the run may read; the Hub and the store are asked for benchmarks that lie there. */
  readonly reach: Reach;
  /** lm-eval, where it is installed: without it, questions of its tasks are not at hand. */
  readonly harness?: InstalledHarness | undefined;
  /** A folder for these benchmarks alone. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** How long is waited before each further try, where one may help. */
  readonly pausesMs?: readonly number[];
}

/** What of a RunSpec says which questions are looked for, and how much depends on it. */
interface Judged extends Pick<AcceptedRunSpec, 'evaluation'> {
  readonly dataset: Pick<AcceptedRunSpec['dataset'], 'decontamination'>;
}

/** A Hub that restarts is away for some seconds; an outage that lasts longer is for the next attempt of the job. */
const usualPausesMs = [500, 2000, 5000];

/**
 * What the benchmarks of a run ask, so that no answer of theirs is trained on. Held-out rows are left out: they are kept
 * apart when the set is split. Nothing is fetched when nobody wants rows to be compared. A benchmark whose questions cannot be
 * had is named as unchecked; `requireChecked` says whether a set may be made without them.
 */
export async function benchmarkTexts(
  { evaluation: { benchmarks }, dataset: { decontamination } }: Judged,
  { reach, harness, directory, signal, pausesMs = usualPausesMs }: Where,
): Promise<BenchmarkTexts> {
  if (decontamination === 'off') return { texts: [], unchecked: [] };
  await mkdir(directory, { recursive: true });
  const { fileRoots, store } = reach;
  const context = {
    ...{ fileRoots, dataset: undefined, signal, harness, fetchDataset: fromHub(directory, reach) },
    ...(store === undefined ? {} : { fetchArtifact: fromStore(directory, store) }),
  };
  const labels = labelsOf(benchmarks);
  const texts: BenchmarkText[] = [];
  const unchecked: Unchecked[] = [];
  for (const [index, spec] of benchmarks.entries()) {
    const benchmark = labels[index] ?? spec.name;
    const field = `evaluation.benchmarks.${index}`;
    try {
      const asked = await patiently(() => questionsOf(spec, { ...context, field }), pausesMs, signal);
      texts.push(...asked.map(({ item, text }) => ({ benchmark, item, text })));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure)) throw error;
      unchecked.push({ benchmark, field, reason: withoutFolders(error.message, directory), failure: error });
    }
  }
  return { texts, unchecked };
}

/**
 * A set that is said to be without questions of a benchmark must have been compared with them.
 *
 * @throws Failure when rows that hold one are to be removed, and some questions are not at hand
 */
export function requireChecked({ dataset }: Judged, { unchecked: [first] }: Pick<BenchmarkTexts, 'unchecked'>): void {
  if (dataset.decontamination !== 'remove' || !first) return;
  const { benchmark, reason, field, failure } = first;
  throw new Failure(failure.code, `The rows cannot be checked against ${benchmark}: ${reason}`, {
    remedy: `${failure.remedy} To train without this check, set dataset.decontamination to flag or off.`,
    retryable: failure.retryable,
    field: failure.field ?? field,
    cause: failure,
  });
}

async function patiently<T>(work: () => Promise<T>, pausesMs: readonly number[], signal: AbortSignal): Promise<T> {
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || !error.retryable) throw error;
      await pause(pauseMs, undefined, { signal });
    }
  }
  return work();
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
      // The question is the same in whatever form it is put.
      const { task, seed } = spec;
      const { items } = await describedTask({ task, seed, prompt: 'completion' }, context);
      return items.map(({ id, question }) => ({ item: id, text: question }));
    }
  }
}

function questionOf(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  return prompt.messages.findLast(({ role }) => role === 'user')?.content ?? '';
}
