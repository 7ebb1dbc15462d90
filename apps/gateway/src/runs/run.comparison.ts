import {
  stageNames,
  type ComparedRun,
  type EvaluationReport,
  type PairedItems,
  type RunComparison,
} from '@anneal/contracts';
import { differencesOf } from './differences.js';
import type { RunRecord } from './run.record.js';

/** Two runs side by side, as far as each has come. */
export function compareRuns(
  a: RunRecord,
  b: RunRecord,
  reports?: readonly [EvaluationReport, EvaluationReport],
): RunComparison {
  const benchmarks = [...new Set([a, b].flatMap(({ results = [] }) => results.map(({ benchmark }) => benchmark)))];
  return {
    a: sideOf(a),
    b: sideOf(b),
    spec: differencesOf(wishOf(a), wishOf(b)),
    plan: differencesOf(a.plan, b.plan),
    dataset: differencesOf(a.dataset, b.dataset),
    stages: stageNames.map((stage) => ({
      stage,
      ...defined('a', secondsOf(a.stages.find((entry) => entry.stage === stage))),
      ...defined('b', secondsOf(b.stages.find((entry) => entry.stage === stage))),
    })),
    benchmarks: benchmarks.map((benchmark) => ({
      benchmark,
      ...defined(
        'a',
        a.results?.find((result) => result.benchmark === benchmark),
      ),
      ...defined(
        'b',
        b.results?.find((result) => result.benchmark === benchmark),
      ),
      ...defined('paired', reports && pairItems(benchmark, ...reports)),
    })),
  };
}

/**
 * How the two tuned models did on the items of a benchmark that both reports have in full and alike.
 *
 * @returns nothing when one asked an item that the other did not
 */
export function pairItems(benchmark: string, a: EvaluationReport, b: EvaluationReport): PairedItems | undefined {
  const keyOf = ({ id, prompt, expected }: EvaluationReport['items'][number]): string =>
    JSON.stringify([id, prompt, expected]);
  const of = (report: EvaluationReport): Map<string, boolean> =>
    new Map(
      report.items
        .filter((item) => item.benchmark === benchmark)
        .map((item) => [keyOf(item), item.tuned.outcome === 'correct']),
    );
  const [left, right] = [of(a), of(b)];
  if (left.size === 0 || left.size !== right.size || [...left.keys()].some((key) => !right.has(key))) return undefined;
  const count = (wantedA: boolean, wantedB: boolean): number =>
    [...left].filter(([key, isRight]) => isRight === wantedA && right.get(key) === wantedB).length;
  return {
    items: left.size,
    bothRight: count(true, true),
    onlyARight: count(true, false),
    onlyBRight: count(false, true),
    noneRight: count(false, false),
  };
}

function sideOf(run: RunRecord): ComparedRun {
  const { id, name, state, verdict, verdictReason, publishedTo, withheldBy, training } = run;
  return {
    ...{ id, name, state },
    ...defined('seconds', secondsOf({ startedAt: run.createdAt, finishedAt: run.finishedAt })),
    ...defined('verdict', verdict),
    ...defined('verdictReason', verdictReason),
    ...defined('publishedTo', publishedTo),
    ...defined('withheldBy', withheldBy),
    ...defined('training', training && figuresOf(training)),
  };
}

function figuresOf({
  loss,
  steps,
  seconds,
  resumed,
  tokens,
}: NonNullable<RunRecord['training']>): ComparedRun['training'] {
  return { loss, steps, seconds, resumed, ...defined('tokens', tokens) };
}

/** Two runs never share their ids, and names say nothing of what was asked for. */
function wishOf({ spec }: RunRecord): object | undefined {
  if (!spec) return undefined;
  const { id: _id, name: _name, ...wish } = spec;
  return wish;
}

function secondsOf(
  span: { startedAt?: string | undefined; finishedAt?: string | undefined } | undefined,
): number | undefined {
  if (span?.startedAt === undefined || span.finishedAt === undefined) return undefined;
  return Math.max(0, (Date.parse(span.finishedAt) - Date.parse(span.startedAt)) / 1000);
}

function defined<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}
