import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import type { Outcome } from '../scoring/outcome.js';

/** A line of lm-eval's samples file. Its metrics stand in it under their own names. */
const sample = z.looseObject({
  doc_id: z.int(),
  target: z.unknown(),
  arguments: z.record(z.string(), z.looseObject({ arg_0: z.unknown() })),
  resps: z.unknown(),
  filtered_resps: z.array(z.unknown()),
  filter: z.string(),
  metrics: z.array(z.string()),
  prompt_hash: z.string(),
});
type Sample = z.infer<typeof sample>;

/** One item of a task, as lm-eval asked and scored it. */
export interface HarnessItem {
  readonly id: string;
  readonly prompt: string;
  readonly expected: string;
  /** What the model wrote, or its likelihoods of the answers that were to choose from. */
  readonly text: string;
  readonly outcome: Exclude<Outcome, 'failed'>;
  readonly promptDigest: string;
}

/** Metrics that say right or wrong of a single item, in the order in which one is preferred. */
const preferred = ['exact_match', 'acc', 'pass@1'];

/**
 * The items of a samples file. Of a task that reads its answers in several ways, the first way counts.
 *
 * @throws Failure BENCHMARK_INVALID when the task does not say right or wrong of single items
 */
export function readSamples(source: string, task: string): { items: HarnessItem[]; metric: string } {
  const samples = source
    .split('\n')
    .filter(Boolean)
    .map((line) => sample.parse(JSON.parse(line)));
  const [first] = samples;
  if (!first) throw unusable(task, 'has no item');
  const own = samples.filter(({ filter }) => filter === first.filter);
  const metric = [...preferred, ...first.metrics].find((name) => own.every((one) => isBinary(one[name])));
  if (metric === undefined)
    throw unusable(task, `is scored by ${first.metrics.join(', ')}, which is no right or wrong`);
  return { items: own.map((one) => itemOf(one, metric)), metric };
}

function isBinary(value: unknown): boolean {
  return value === 0 || value === 1 || typeof value === 'boolean';
}

function itemOf(one: Sample, metric: string): HarnessItem {
  const right = Number(one[metric]) === 1;
  // What lm-eval's filters write where they find nothing to compare.
  const nothing = one.filtered_resps.every((answer) => answer === '[invalid]');
  return {
    id: String(one.doc_id),
    prompt: textOf(Object.values(one.arguments)[0]?.arg_0),
    expected: textOf(one.target),
    text: textOf(unwrapped(one.resps)),
    outcome: right ? 'correct' : nothing ? 'unparsed' : 'wrong',
    promptDigest: one.prompt_hash,
  };
}

/** A single answer comes as a list of a list of it. */
function unwrapped(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? unwrapped(value[0]) : value;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

function unusable(task: string, what: string): Failure {
  return new Failure('BENCHMARK_INVALID', `The task ${task} ${what}.`, {
    remedy: 'Choose one with items that are right or wrong, or measure it with lm-eval itself.',
  });
}
