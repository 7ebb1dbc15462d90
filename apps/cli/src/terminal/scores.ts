import type { BenchmarkResult, EvaluationReport } from '@anneal/contracts';
import { clip, clipStart, table } from './table.js';

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A difference of accuracies, with its sign. */
export function points(difference: number): string {
  return `${difference >= 0 ? '+' : ''}${(difference * 100).toFixed(1)}`;
}

/** From where to where a difference may be, with signs. */
export function range([low, high]: readonly [number, number]): string {
  return `${points(low)} to ${points(high)}`;
}

/** Base against tuned, one line per benchmark. */
export function scoreTable(results: readonly BenchmarkResult[]): string {
  const rows = results.map(({ benchmark, items, base, tuned, difference, interval, gained, lost, pValue }) => [
    benchmark,
    String(items),
    `${base.correct} (${percent(base.accuracy)})`,
    `${tuned.correct} (${percent(tuned.accuracy)})`,
    points(difference),
    interval ? range(interval) : '',
    String(gained),
    String(lost),
    pValue < 0.001 ? pValue.toExponential(1) : pValue.toFixed(3),
  ]);
  return table(
    ['benchmark', 'items', 'base right', 'tuned right', 'points', '95 % interval', 'gained', 'lost', 'p'],
    rows,
  );
}

/**
 * Items side by side: what was asked, what was expected, what each model said. They are spaced evenly over the set, so
 * that nobody picks them. Of a long prompt the end is shown: there it differs from the others.
 */
export function sideBySide(report: EvaluationReport, count: number, width: number): string {
  const { items } = report;
  const shown = Math.min(count, items.length);
  const chosen = Array.from({ length: shown }, (_, n) => items[Math.floor(((n + 0.5) * items.length) / shown)]);
  return chosen
    .filter((item) => item !== undefined)
    .map((item) =>
      [
        `  prompt    ${clipStart(item.prompt, width - 12)}`,
        `  expected  ${clip(item.expected, width - 12)}`,
        `  base   ${mark(item.base.outcome)}  ${clip(item.base.answer, width - 12)}`,
        `  tuned  ${mark(item.tuned.outcome)}  ${clip(item.tuned.answer, width - 12)}`,
      ].join('\n'),
    )
    .join('\n\n');
}

function mark(outcome: EvaluationReport['items'][number]['base']['outcome']): string {
  return outcome === 'correct' ? '✓' : '✗';
}
