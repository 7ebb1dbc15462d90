import type { BenchmarkResult, EvaluationReport } from '@anneal/contracts';
import { groupBy } from '../benchmarks/sample.js';
import { wasCompared } from '../verdict/results.js';
import { html, type Markup } from './markup.js';
import { differencePlot, outcomePlot, percent, signedPoints, subjectPlot } from './plots.js';
import { stylesheet } from './stylesheet.js';

type Item = EvaluationReport['items'][number];

/** Flips of one direction that the page shows; all items are in report.json and items.parquet. */
const mostFlips = 25;
const mostNamed = 20;
const longestText = 6_000;

/** A report as one page that needs nothing from outside: no scripts, no fonts, no images. */
export function reportPage(report: EvaluationReport): string {
  const { runId, verdict, reason, alarms = [], results, groups = {}, subjects = {}, settings } = report;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Evaluation of ${runId}: ${verdict}</title>
        <style>
          ${stylesheet}
        </style>
      </head>
      <body>
        <main>
          <h1>Evaluation of ${runId}</h1>
          <p class="verdict ${verdict}">${verdict}</p>
          <p>${reason}</p>
          ${
            alarms.length > 0
              ? html`<section class="alarms">
                  <h2>Look at this first</h2>
                  <ul>
                    ${alarms.map(({ message }) => html`<li>${message}</li>`)}
                  </ul>
                </section>`
              : ''
          }
          <h2>Base against tuned</h2>
          ${resultTable(results, report.items)}
          <figure>
            ${differencePlot(results)}
            <figcaption>
              Difference in points of accuracy, tuned minus base, with the paired bootstrap 95 % interval. A dashed mark
              is the margin of a guard.
            </figcaption>
          </figure>
          <figure>
            ${outcomePlot(results)}
            <figcaption>Answers that were right, wrong, and without anything to compare.</figcaption>
          </figure>
          ${Object.entries(groups).map(([label, table]) => groupSection(label, table))}
          ${Object.entries(subjects).map(([label, table]) => subjectSection(label, table))}
          ${results.map((result) => flipSection(result, report.items))}
          <h2>How it was measured</h2>
          <pre>${JSON.stringify(settings, undefined, 1)}</pre>
        </main>
      </body>
    </html> `;
  return page.text;
}

function resultTable(results: readonly BenchmarkResult[], all: readonly Item[]): Markup {
  const rows = results.map(
    ({ benchmark, items, base, tuned, difference, interval, gained, lost, pValue, minimumDetectable, guard }) =>
      html`<tr>
        <th scope="row">${benchmark}${guard ? ' (guard)' : ''}</th>
        <td>${items}</td>
        ${[base, tuned].map(
          (side) =>
            html`<td>${side.correct} (${percent(side.accuracy)})</td>
              <td>${side.unparsed}</td>`,
        )}
        <td>${signedPoints(difference)}</td>
        <td>${interval ? `${signedPoints(interval[0])} to ${signedPoints(interval[1])}` : ''}</td>
        <td>${gained}</td>
        <td>${lost}</td>
        <td>${shortP(pValue)}</td>
        <td>${minimumDetectable === undefined ? 'none' : (minimumDetectable * 100).toFixed(1)}</td>
      </tr>`,
  );
  return html`${tableOf(['benchmark', 'items', 'base right', 'unparsed', 'tuned right', 'unparsed', 'points', '95 % interval', 'gained', 'lost', 'p', 'detectable'], rows)}
    <p class="note">
      p is the exact two-sided McNemar test of one benchmark, before any correction. Detectable is the difference, in
      points, that so many items show in 8 of 10 cases.
    </p>
    ${sampled(results)}${guessed(results)}${leftOut(all)}`;
}

/** A table that may be wider than the page. */
function tableOf(heads: readonly string[], rows: readonly Markup[]): Markup {
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th>${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** A sample says less than the whole set would, and its interval is as wide as that. */
function sampled(results: readonly BenchmarkResult[]): Markup {
  const lines = results.map(({ benchmark, items, sampledFrom }) =>
    sampledFrom === undefined
      ? ''
      : html`<p class="note">
          ${benchmark}: a seeded sample of ${items} of ${sampledFrom} items; the interval is that of ${items}.
        </p>`,
  );
  return html`${lines}`;
}

/** Unparsed answers count as not right; what a guess would have made of them stands beside it. */
function guessed(results: readonly BenchmarkResult[]): Markup {
  const lines = results
    .filter(({ base, tuned }) => base.guessAdjusted !== undefined && tuned.guessAdjusted !== undefined)
    .map(
      ({ benchmark, base, tuned }) =>
        html`<p class="note">
          ${benchmark}, with a guess for each unparsed answer: ${percent(base.guessAdjusted ?? 0)} and
          ${percent(tuned.guessAdjusted ?? 0)}.
        </p>`,
    );
  return html`${lines}`;
}

/** Items that one of the two could not be asked: they are in none of the numbers. */
function leftOut(items: readonly Item[]): Markup {
  const failed = items.filter(hasFailed);
  const lines = [...groupBy(failed, ({ benchmark }) => benchmark)].map(([benchmark, own]) => {
    const named = own.slice(0, mostNamed).map(({ id }) => id);
    const more = own.length > named.length ? ` and ${own.length - named.length} more` : '';
    const left = own.length === 1 ? '1 item is left out' : `${own.length} items are left out`;
    return html`<p class="note">
      ${benchmark}: ${left}, since a model could not be asked: ${named.join(', ')}${more}.
    </p>`;
  });
  return html`${lines}`;
}

function hasFailed({ base, tuned }: Item): boolean {
  return !wasCompared({ base: base.outcome, tuned: tuned.outcome });
}

function groupSection(label: string, table: NonNullable<EvaluationReport['groups']>[string]): Markup {
  const rows = table.map(
    ({ group, subjects, items, weighted, base, tuned }) =>
      html`<tr>
        <th scope="row">${group}</th>
        <td>${subjects}</td>
        <td>${items}</td>
        <td>${weighted ? 'of items' : 'of subjects'}</td>
        <td>${percent(base)}</td>
        <td>${percent(tuned)}</td>
        <td>${signedPoints(tuned - base)}</td>
      </tr>`,
  );
  return html`<h2>${label} by group</h2>
    ${tableOf(['group', 'subjects', 'items', 'mean', 'base', 'tuned', 'points'], rows)}
    <p class="note">
      Summed up as the benchmark says: as a mean of all items, or of the accuracies in its subjects. The verdict looks
      at items.
    </p>`;
}

function subjectSection(label: string, table: NonNullable<EvaluationReport['subjects']>[string]): Markup {
  const rows = table.map(
    ({ subject, items, base, tuned, gained, lost, pValue }) =>
      html`<tr>
        <th scope="row">${subject}</th>
        <td>${items}</td>
        <td>${base} (${percent(base / items)})</td>
        <td>${tuned} (${percent(tuned / items)})</td>
        <td>${gained}</td>
        <td>${lost}</td>
        <td>${shortP(pValue)}</td>
      </tr>`,
  );
  return html`<h2>${label} by subject</h2>
    <figure>
      ${subjectPlot(table)}
      <figcaption>Accuracy of base (hollow) and tuned (filled).</figcaption>
    </figure>
    ${tableOf(['subject', 'items', 'base right', 'tuned right', 'gained', 'lost', 'p'], rows)}
    <p class="note">
      For reading only: with several subjects, a small p somewhere is to be expected, and the verdict does not look at
      them.
    </p>`;
}

function flipSection({ benchmark, gained, lost }: BenchmarkResult, items: readonly Item[]): Markup {
  const own = items.filter((item) => item.benchmark === benchmark && !hasFailed(item));
  const ups = own.filter(({ base, tuned }) => tuned.outcome === 'correct' && base.outcome !== 'correct');
  const downs = own.filter(({ base, tuned }) => base.outcome === 'correct' && tuned.outcome !== 'correct');
  return html`<h2>${benchmark}: where the two differ</h2>
    <h3>Gained: ${gained}</h3>
    ${flips(ups)}
    <h3>Lost: ${lost}</h3>
    ${flips(downs)}`;
}

function flips(items: readonly Item[]): Markup {
  const shown = items.slice(0, mostFlips).map(
    ({ id, subject, prompt, expected, base, tuned }) =>
      html`<details>
        <summary>${id}${subject === undefined ? '' : ` · ${subject}`}</summary>
        <h4>Prompt</h4>
        <pre>${ending(prompt)}</pre>
        <h4>Expected</h4>
        <pre>${beginning(expected)}</pre>
        <h4>Base: ${base.outcome}</h4>
        <pre>${beginning(base.answer)}</pre>
        <h4>Tuned: ${tuned.outcome}</h4>
        <pre>${beginning(tuned.answer)}</pre>
      </details>`,
  );
  const more = items.length - shown.length;
  return html`${shown}${more > 0 ? html`<p class="note">${more} more are in report.json and items.parquet.</p>` : ''}`;
}

/** Of a long prompt the end says what was asked; examples stand before it. */
function ending(text: string): string {
  return text.length <= longestText ? text : `… ${text.slice(-longestText)}`;
}

function beginning(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText)} …`;
}

function shortP(p: number): string {
  return p < 0.001 ? p.toExponential(1) : p.toFixed(3);
}
