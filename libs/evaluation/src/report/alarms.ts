import type { AcceptedRunSpec, BenchmarkResult, EvaluationAlarm, EvaluationReport } from '@anneal/contracts';
import { z } from 'zod';
import type { LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import { templateAlarms } from './template.alarms.js';

const mostUnparsed = 0.2;
const mostTruncated = 0.05;

/** A dataset stage that looks for questions of benchmarks says how many rows have one, and how many of these it removed. */
const searchedDataset = z.object({
  report: z.object({ contaminated: z.object({ flagged: z.int(), removed: z.int() }) }),
});

/** What a person should look at before believing an evaluation. */
export function alarmsOf({
  spec,
  results,
  items,
  benchmarks,
  measured,
  dataset,
}: {
  spec: AcceptedRunSpec;
  results: readonly BenchmarkResult[];
  items: EvaluationReport['items'];
  benchmarks: readonly LoadedBenchmark[];
  measured: Readonly<Record<'base' | 'tuned', unknown>>;
  dataset: unknown;
}): EvaluationAlarm[] {
  return [
    ...results.flatMap(unreadable),
    ...identical(items),
    ...templateAlarms(benchmarks, spec.training.prompt, measured),
    ...contaminated(dataset),
  ];
}

function unreadable({ benchmark, items, base, tuned }: BenchmarkResult): EvaluationAlarm[] {
  const alarms: EvaluationAlarm[] = [];
  for (const [model, side] of [
    ['base', base],
    ['tuned', tuned],
  ] as const) {
    const { unparsed, truncated = 0 } = side;
    if (unparsed / items > mostUnparsed) {
      const message = `Nothing to compare was found in ${percent(unparsed / items)} of the ${model} model's answers to ${benchmark}.`;
      alarms.push({ kind: 'unparsed', benchmark, message });
    }
    if (truncated / items > mostTruncated) {
      const message = `The limit of tokens cut off ${percent(truncated / items)} of the ${model} model's answers to ${benchmark}; answerTokens sets it.`;
      alarms.push({ kind: 'truncated', benchmark, message });
    }
  }
  return alarms;
}

function identical(items: EvaluationReport['items']): EvaluationAlarm[] {
  if (items.length === 0 || items.some(({ base, tuned }) => base.answer !== tuned.answer)) return [];
  const message =
    'Base and tuned gave the same answers, word for word: the training may have changed nothing, or not have been merged.';
  return [{ kind: 'identical', message }];
}

function contaminated(dataset: unknown): EvaluationAlarm[] {
  const searched = searchedDataset.safeParse(dataset);
  if (!searched.success) return [];
  const { flagged, removed } = searched.data.report.contaminated;
  const left = flagged - removed;
  if (left <= 0) return [];
  const message = `${left} training ${left === 1 ? 'row holds' : 'rows hold'} a question of a benchmark: what was learned there is measured, too.`;
  return [{ kind: 'contaminated', message }];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
