import type { AcceptedRunSpec, BenchmarkResult, EvaluationReport } from '@anneal/contracts';
import type { Item } from '../benchmarks/benchmark.js';
import { labelsOf, type LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import { groupBy } from '../benchmarks/sample.js';
import { mcnemarExact } from '../statistics/mcnemar.js';
import {
  changed,
  countFlips,
  pairsOf,
  resultsOf,
  wasCompared,
  type AnswerEnd,
  type AnswerPair,
} from '../verdict/results.js';
import { judge } from '../verdict/verdict.js';
import { alarmsOf } from './alarms.js';
import { groupScores } from './group.scores.js';

type ReportedItem = EvaluationReport['items'][number];
type ReportedAnswer = ReportedItem['base'];

/** What a report is made of. */
export interface ReportSource {
  readonly runId: string;
  readonly spec: AcceptedRunSpec;
  /** All questions with both answers, in the order in which they were asked. */
  readonly answers: readonly AnswerPair[];
  /** The benchmarks that were asked, as they were loaded; one that is not here is reported without subjects and letters. */
  readonly benchmarks: readonly LoadedBenchmark[];
  /** How each of the two models was measured. */
  readonly measured: Readonly<Record<'base' | 'tuned', unknown>>;
  /** What the dataset stage said about the set that was trained on. */
  readonly dataset?: unknown;
}

/**
 * Holds the answers of base and tuned against each other. The same answers always make the same report.
 *
 * @throws Failure BENCHMARK_INVALID when the two were not asked the same
 */
export function makeReport({ runId, spec, answers, benchmarks, measured, dataset }: ReportSource): EvaluationReport {
  const { policy } = spec.evaluation;
  const asked = new Map(benchmarks.map((benchmark) => [benchmark.label, new AskedItems(benchmark)]));
  const items = pairsOf(answers).map((pair) => reportItem(pair.answers, asked.get(pair.benchmark)));
  const flat = items.map(({ benchmark, base, tuned }) => ({ benchmark, base: base.outcome, tuned: tuned.outcome }));
  // What one of the two could not be asked is in the report, and in none of its numbers.
  const compared = items.filter(({ base, tuned }) => wasCompared({ base: base.outcome, tuned: tuned.outcome }));
  const ofBenchmark = groupBy(compared, ({ benchmark }) => benchmark);
  const results = resultsOf(flat, policy.alpha).map((result) => ({
    ...result,
    ...sidesOf(result, ofBenchmark.get(result.benchmark) ?? [], asked.get(result.benchmark)),
    ...sampleOf(asked.get(result.benchmark)),
    ...guardOf(spec, result.benchmark),
  }));
  const { verdict, rule, reason, adjusted } = judge(results, policy);
  return {
    runId,
    verdict,
    rule,
    reason,
    alarms: alarmsOf({ spec, results, items: compared, benchmarks, measured, dataset }),
    results,
    subjects: subjectsOf(ofBenchmark),
    ...groupsOf(ofBenchmark, asked),
    flips: Object.fromEntries([...ofBenchmark].map(([label, own]) => [label, flipsOf(own)])),
    settings: {
      test: 'exact McNemar, two-sided',
      correction: 'Holm, over the benchmarks that are no guards',
      interval: 'paired bootstrap, 95 %, percentiles over all resamples',
      power: 0.8,
      ...policy,
      adjusted: Object.fromEntries(results.map(({ benchmark }, index) => [benchmark, adjusted[index]])),
      base: measured.base,
      tuned: measured.tuned,
    },
    items,
  };
}

/** The items of a benchmark by their ids. */
class AskedItems {
  private readonly items: ReadonlyMap<string, Item>;

  constructor(readonly benchmark: LoadedBenchmark) {
    this.items = new Map(benchmark.items.map((item) => [item.id, item]));
  }

  find(id: string): Item {
    const item = this.items.get(id);
    if (item) return item;
    throw changed(this.benchmark.label, id);
  }
}

function reportItem(answers: AnswerPair, asked: AskedItems | undefined): ReportedItem {
  const { benchmark, itemId, prompt, expected } = answers;
  const item = asked?.find(itemId);
  const answer = (text: string | null, outcome: AnswerPair['baseOutcome'], end: AnswerEnd | null | undefined) =>
    reportAnswer({ text: text ?? '', expected, outcome: outcome ?? 'unparsed', end }, asked?.benchmark);
  return {
    benchmark,
    id: itemId,
    ...(item?.subject === undefined ? {} : { subject: item.subject }),
    prompt,
    expected,
    base: answer(answers.baseText, answers.baseOutcome, answers.baseEnd),
    tuned: answer(answers.tunedText, answers.tunedOutcome, answers.tunedEnd),
  };
}

function reportAnswer(
  {
    text,
    expected,
    outcome,
    end,
  }: {
    text: string;
    expected: string;
    outcome: ReportedAnswer['outcome'];
    end: AnswerEnd | null | undefined;
  },
  benchmark: LoadedBenchmark | undefined,
): ReportedAnswer {
  return {
    answer: text,
    outcome,
    ...benchmark?.read?.(text),
    ...(benchmark?.partial ? { partial: benchmark.partial(text, expected) } : {}),
    ...(end ?? {}),
  };
}

/** What is known of both sides beside how often they were right. */
function sidesOf(
  { base, tuned }: BenchmarkResult,
  items: readonly ReportedItem[],
  asked: AskedItems | undefined,
): Pick<BenchmarkResult, 'base' | 'tuned'> {
  const more = (
    side: BenchmarkResult['base'],
    answerOf: (item: ReportedItem) => ReportedAnswer,
  ): BenchmarkResult['base'] => {
    const answers = items.map(answerOf);
    const guessed = asked && guessedRight(items, answers, asked);
    const partial = asked?.benchmark.partial && sum(answers.map((answer) => answer.partial ?? 0)) / items.length;
    const ends = answers.filter(({ finish }) => finish !== undefined);
    return {
      ...side,
      ...(guessed === undefined ? {} : { guessAdjusted: (side.correct + guessed) / items.length }),
      ...(partial === undefined ? {} : { partial }),
      ...(ends.length > 0 ? { truncated: ends.filter(({ finish }) => finish === 'length').length } : {}),
    };
  };
  return { base: more(base, (item) => item.base), tuned: more(tuned, (item) => item.tuned) };
}

/** How many of the unparsed answers a guess among the options would have got right, on average. */
function guessedRight(
  items: readonly ReportedItem[],
  answers: readonly ReportedAnswer[],
  asked: AskedItems,
): number | undefined {
  const options = items.map(({ id }) => asked.find(id).options);
  if (options.some((count) => count === undefined)) return undefined;
  return sum(answers.map(({ outcome }, index) => (outcome === 'unparsed' ? 1 / (options[index] ?? 1) : 0)));
}

function sampleOf(asked: AskedItems | undefined): Pick<BenchmarkResult, 'sampledFrom'> {
  const all = asked?.benchmark.sampledFrom;
  return all === undefined ? {} : { sampledFrom: all };
}

function guardOf(spec: AcceptedRunSpec, label: string): Pick<BenchmarkResult, 'guard' | 'margin'> {
  const { benchmarks } = spec.evaluation;
  const index = labelsOf(benchmarks).indexOf(label);
  const benchmark = benchmarks[index];
  if (!benchmark?.guard) return {};
  return { guard: true, ...(benchmark.margin === undefined ? {} : { margin: benchmark.margin }) };
}

function subjectsOf(ofBenchmark: ReadonlyMap<string, readonly ReportedItem[]>): EvaluationReport['subjects'] {
  const tables = [...ofBenchmark].map(([label, items]) => {
    const bySubject = groupBy(
      items.filter(({ subject }) => subject !== undefined),
      ({ subject }) => subject ?? '',
    );
    return [label, [...bySubject].map(([subject, own]) => ({ subject, ...subjectOf(own) }))] as const;
  });
  return Object.fromEntries(tables.filter(([, table]) => table.length > 0));
}

/** What the makers of a benchmark sum up, for both models. */
function groupsOf(
  ofBenchmark: ReadonlyMap<string, readonly ReportedItem[]>,
  asked: ReadonlyMap<string, AskedItems>,
): Pick<EvaluationReport, 'groups'> {
  const tables = [...ofBenchmark].flatMap(([label, items]) => {
    const groups = asked.get(label)?.benchmark.groups ?? [];
    const scores = (answerOf: (item: ReportedItem) => ReportedAnswer) =>
      groupScores(
        groups,
        items.map((item) => ({ subject: item.subject ?? '', isRight: answerOf(item).outcome === 'correct' })),
      );
    const tuned = scores((item) => item.tuned);
    const table = scores((item) => item.base).map(({ accuracy, ...group }, index) => ({
      ...group,
      base: accuracy,
      tuned: tuned[index]?.accuracy ?? 0,
    }));
    return table.length > 0 ? [[label, table] as const] : [];
  });
  return tables.length > 0 ? { groups: Object.fromEntries(tables) } : {};
}

function subjectOf(items: readonly ReportedItem[]) {
  const outcomes = items.map(({ base, tuned }) => ({ base: base.outcome, tuned: tuned.outcome }));
  const { gained, lost } = countFlips(outcomes);
  return {
    items: items.length,
    base: outcomes.filter(({ base }) => base === 'correct').length,
    tuned: outcomes.filter(({ tuned }) => tuned === 'correct').length,
    gained,
    lost,
    pValue: mcnemarExact(gained, lost),
  };
}

function flipsOf(items: readonly ReportedItem[]): { gained: string[]; lost: string[] } {
  const right = ({ outcome }: ReportedAnswer): boolean => outcome === 'correct';
  return {
    gained: items.filter(({ base, tuned }) => right(tuned) && !right(base)).map(({ id }) => id),
    lost: items.filter(({ base, tuned }) => right(base) && !right(tuned)).map(({ id }) => id),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
