import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { groupBy } from '../benchmarks/sample.js';
import type { Outcome } from '../scoring/outcome.js';

/** What lm-eval made of an item, read by one of the filters of its task. */
const sample = z.object({
  id: z.string(),
  task: z.string(),
  digest: z.string(),
  prompt: z.string(),
  expected: z.string(),
  filter: z.string(),
  metrics: z.record(z.string(), z.unknown()),
  resps: z.unknown(),
  filtered: z.array(z.unknown()),
});
type Sample = z.infer<typeof sample>;

/** One item of a task, as lm-eval asked and scored it. */
export interface HarnessItem {
  readonly id: string;
  readonly task: string;
  readonly prompt: string;
  readonly expected: string;
  /** What the model wrote, or its likelihoods of the answers that were to choose from. */
  readonly text: string;
  readonly outcome: Exclude<Outcome, 'failed'>;
  /** Over all that was asked and expected, and how answers are read. */
  readonly digest: string;
}

/** Metrics that say right or wrong of a single item, in the order in which one is preferred. */
const preferred = ['exact_match', 'acc', 'pass@1'];

/** The metric that counts where none is named, by the names that a task has. */
export function usualMetric(metrics: readonly string[]): string | undefined {
  return [...preferred, ...metrics].find((name) => metrics.includes(name) && !ofWholes.has(name));
}

/**
 * The items of a file of samples, of one task or of several. Of a task that reads its answers in several ways, the first
 * way counts.
 *
 * @param task what was asked for: a task or a group of them
 * @param wanted the metric that counts; one of those that say right or wrong when left out
 * @throws Failure BENCHMARK_INVALID when a task does not say right or wrong of single items
 */
export function readSamples(
  source: string,
  { task, metric: wanted }: { task: string; metric?: string | undefined },
): { items: HarnessItem[]; metric: string } {
  const samples = source
    .split('\n')
    .filter(Boolean)
    .map((line) => sample.parse(JSON.parse(line)));
  if (samples.length === 0) throw unusable(task, 'has no item');
  const read = [...groupBy(samples, (one) => one.task)].map(([name, own]) => readTask(name, own, wanted));
  return {
    items: read.flatMap(({ items }) => items),
    metric: [...new Set(read.map(({ metric }) => metric))].join(', '),
  };
}

function readTask(
  task: string,
  samples: readonly Sample[],
  wanted: string | undefined,
): { items: HarnessItem[]; metric: string } {
  const first = samples[0];
  if (!first) throw unusable(task, 'has no item');
  const own = samples.filter(({ filter }) => filter === first.filter);
  const names = wanted === undefined ? [...preferred, ...Object.keys(first.metrics)] : [wanted];
  const metric = names.find((name) => own.every(({ metrics }) => isBinary(metrics[name])));
  if (metric === undefined) {
    const known = wanted ?? Object.keys(first.metrics).join(', ');
    throw unusable(task, `is scored by ${known}, which says of no single item whether it is right`);
  }
  return { items: own.map((one) => itemOf(one, metric)), metric };
}

/**
 * Refuses a task before anything is asked, when none of its metrics can say whether an item is right.
 *
 * @throws Failure BENCHMARK_INVALID
 */
export function demandMetric(
  { task, metrics }: { task: string; metrics: readonly string[] },
  wanted: string | undefined,
  field: string,
): void {
  if (wanted !== undefined && !metrics.includes(wanted))
    throw unusable(task, `has no metric ${wanted}, but ${metrics.join(', ')}`, `${field}.metric`);
  const usable = (wanted === undefined ? metrics : [wanted]).filter((name) => !ofWholes.has(name));
  if (usable.length === 0) {
    const named = wanted ?? metrics.join(', ');
    throw unusable(task, `is scored by ${named}, which says of no single item whether it is right`, `${field}.metric`);
  }
}

/** Metrics of lm-eval that are computed over all answers together, or of a single one as a number. */
export const ofWholes: ReadonlySet<string> = new Set([
  ...['bleu', 'chrf', 'chrf++', 'ter', 'f1', 'mcc', 'brier_score', 'likelihood', 'bypass'],
  ...['perplexity', 'word_perplexity', 'byte_perplexity', 'bits_per_byte'],
]);

function isBinary(value: unknown): boolean {
  return value === 0 || value === 1 || typeof value === 'boolean';
}

function itemOf(one: Sample, metric: string): HarnessItem {
  const { id, task, prompt, expected, digest } = one;
  const right = Number(one.metrics[metric]) === 1;
  // What lm-eval's filters write where they find nothing to compare.
  const nothing = one.filtered.every((answer) => answer === '[invalid]');
  const outcome = right ? 'correct' : nothing ? 'unparsed' : 'wrong';
  return { id, task, prompt, expected, text: textOf(unwrapped(one.resps)), outcome, digest };
}

/** A single answer comes as a list of a list of it. */
function unwrapped(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? unwrapped(value[0]) : value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

function unusable(task: string, what: string, field?: string): Failure {
  return new Failure('BENCHMARK_INVALID', `The task ${task} ${what}.`, {
    remedy: 'Choose a task and metric whose items are right or wrong: only those can be compared in pairs.',
    ...(field === undefined ? {} : { field }),
  });
}
