import type { BenchmarkResult, EvaluationReport } from '@anneal/contracts';
import { clip, table } from './table.js';

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Base against tuned, one line per benchmark. */
export function scoreTable(results: readonly BenchmarkResult[]): string {
  const rows = results.map(({ benchmark, items, base, tuned, difference, gained, lost, pValue }) => [
    benchmark,
    String(items),
    `${base.correct} (${percent(base.accuracy)})`,
    `${tuned.correct} (${percent(tuned.accuracy)})`,
    `${difference >= 0 ? '+' : ''}${(difference * 100).toFixed(1)}`,
    String(gained),
    String(lost),
    pValue < 0.001 ? pValue.toExponential(1) : pValue.toFixed(3),
  ]);
  return table(['benchmark', 'items', 'base right', 'tuned right', 'points', 'gained', 'lost', 'p'], rows);
}

/** Items side by side: what was asked, what was expected, what each model said. Gained and lost items come first. */
export function sideBySide(report: EvaluationReport, count: number, width: number): string {
  const interest = (item: EvaluationReport['items'][number]): number =>
    item.base.outcome === item.tuned.outcome ? 1 : 0;
  const chosen = report.items.toSorted((a, b) => interest(a) - interest(b)).slice(0, count);
  return chosen
    .map((item) =>
      [
        `  prompt    ${clip(item.prompt, width - 12)}`,
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
