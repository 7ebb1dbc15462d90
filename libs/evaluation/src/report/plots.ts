import type { BenchmarkResult, EvaluationReport } from '@anneal/contracts';
import { html, type Markup } from './markup.js';

const width = 720;
const labelWidth = 170;
const rowHeight = 34;
const plotWidth = width - labelWidth - 70;

/** The difference on each benchmark, with its interval: what lies right of the line is better. */
export function differencePlot(results: readonly BenchmarkResult[]): Markup {
  const ends = results.flatMap(({ difference, interval, margin = 0 }) => [difference, ...(interval ?? []), -margin]);
  const reach = Math.max(0.02, ...ends.map(Math.abs)) * 1.1;
  const x = (value: number): number => round(labelWidth + ((value + reach) / (2 * reach)) * plotWidth);
  const height = results.length * rowHeight + 34;
  const rows = results.map(({ benchmark, difference, interval, margin }, index) => {
    const y = index * rowHeight + rowHeight / 2;
    const [low, high] = interval ?? [difference, difference];
    const kind = low > 0 ? 'better' : high < 0 ? 'worse' : 'open';
    return html`<text x="0" y="${y + 4}">${short(benchmark)}</text>
      ${margin === undefined ? '' : html`<line class="margin" x1="${x(-margin)}" x2="${x(-margin)}" y1="${y - 12}" y2="${y + 12}" />`}
      <line class="interval ${kind}" x1="${x(low)}" x2="${x(high)}" y1="${y}" y2="${y}" />
      <circle class="${kind}" cx="${x(difference)}" cy="${y}" r="5" />
      <text class="figure" x="${width}" y="${y + 4}">${signedPoints(difference)}</text>`;
  });
  const axis = [-1, -0.5, 0, 0.5, 1].map((share) => {
    const value = share * reach * 0.9;
    return html`<text class="tick" x="${x(value)}" y="${height - 6}">${signedPoints(value)}</text>`;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Difference in accuracy with 95 % intervals">
    <line class="zero" x1="${x(0)}" x2="${x(0)}" y1="0" y2="${height - 22}" />
    ${rows}${axis}
  </svg>`;
}

/** How many answers of each model were right, wrong and unparsed. */
export function outcomePlot(results: readonly BenchmarkResult[]): Markup {
  const height = results.length * (rowHeight + 22);
  const rows = results.map(({ benchmark, items, base, tuned }, index) => {
    const top = index * (rowHeight + 22) + 4;
    const bar = (name: string, side: BenchmarkResult['base'], y: number): Markup => {
      let from = labelWidth;
      const parts = (['correct', 'wrong', 'unparsed'] as const).map((outcome) => {
        const length = round((side[outcome] / items) * plotWidth);
        const part = html`<rect class="${outcome}" x="${round(from)}" y="${y}" width="${length}" height="18"
          ><title>${name}: ${side[outcome]} of ${items} ${outcome}</title></rect
        >`;
        from += length;
        return part;
      });
      return html`<text class="small" x="${labelWidth - 8}" y="${y + 13}" text-anchor="end">${name}</text>${parts}
        <text class="figure" x="${width}" y="${y + 13}">${percent(side.accuracy)}</text>`;
    };
    return html`<text x="0" y="${top + 24}">${short(benchmark, 15)}</text
      >${bar('base', base, top)}${bar('tuned', tuned, top + 22)}`;
  });
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Outcomes of base and tuned">${rows}</svg>`;
}

type Subjects = NonNullable<EvaluationReport['subjects']>[string];

/** Accuracy of base and tuned in each subject, joined by a line. */
export function subjectPlot(subjects: Subjects): Markup {
  const height = subjects.length * 24 + 30;
  const most = Math.max(0.1, ...subjects.flatMap(({ items, base, tuned }) => [base / items, tuned / items]));
  const x = (share: number): number => round(labelWidth + (share / most) * plotWidth);
  const rows = subjects.map(({ subject, items, base, tuned }, index) => {
    const y = index * 24 + 14;
    const kind = tuned > base ? 'better' : tuned < base ? 'worse' : 'open';
    return html`<text x="0" y="${y + 4}">${short(subject)}</text>
      <line class="interval ${kind}" x1="${x(base / items)}" x2="${x(tuned / items)}" y1="${y}" y2="${y}" />
      <circle class="base" cx="${x(base / items)}" cy="${y}" r="4" />
      <circle class="${kind}" cx="${x(tuned / items)}" cy="${y}" r="5" />
      <text class="figure" x="${width}" y="${y + 4}">${signedPoints((tuned - base) / items)}</text>`;
  });
  const axis = [0, 0.25, 0.5, 0.75, 1].map(
    (part) => html`<text class="tick" x="${x(part * most)}" y="${height - 6}">${percent(part * most)}</text>`,
  );
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Accuracy by subject">${rows}${axis}</svg>`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A difference of accuracies, in points. */
export function signedPoints(difference: number): string {
  if (difference === 0) return '0';
  return `${difference > 0 ? '+' : '\u2212'}${Math.abs(difference * 100).toFixed(1)}`;
}

function short(name: string, most = 22): string {
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
