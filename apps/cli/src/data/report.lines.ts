import type { DataReport, TokenReport } from '@anneal/contracts';
import { paint } from '../terminal/colours.js';
import { clip, table } from '../terminal/table.js';

const width = 100;
const mostShown = 5;

/** Which files a report is about, where the source has more than one. */
export function fileLines(files: readonly string[]): string[] {
  if (files.length === 0) return [];
  const more = files.length > mostShown ? `, and ${files.length - mostShown} more` : '';
  return [`Files: ${files.slice(0, mostShown).join(', ')}${more}.`];
}

/** A report for a reader at a terminal. */
export function reportLines(report: DataReport): string[] {
  return [
    ...head(report),
    ...problems(report),
    ...duplicates(report),
    ...contamination(report),
    ...tokens(report),
    ...(report.warnings.length > 0 ? warningLines(report) : ['', paint('green', 'Nothing to warn of.')]),
    ...refusalLines(report),
  ];
}

function head({ format, rows, train, dropped, duplicates: { exact, near }, decontamination }: DataReport): string[] {
  const columns = Object.entries(format.columns).map(([what, column]) => `${what} in "${column}"`);
  return [
    `Format: ${format.name}, ${columns.join(', ')}.`,
    `${rows} rows: ${train} to train on, ${dropped} unusable, ${exact} exact and ${near} near duplicates, ${decontamination.removed} contaminated and removed.`,
  ];
}

function problems({ problems: found }: DataReport): string[] {
  return found.flatMap(({ code, rows, first }) => [
    '',
    `${code}: ${rows} rows`,
    ...first.map(({ message }) => `  ${clip(message, 2 * width)}`),
  ]);
}

function duplicates({ duplicates: { examples } }: DataReport): string[] {
  if (examples.length === 0) return [];
  const lines = examples.slice(0, mostShown).map(({ row, of, similarity, text }) => {
    return `  row ${row} is ${similarity === 1 ? 'the same as' : `like (${similarity})`} row ${of}: ${clip(text, 60)}`;
  });
  return ['', 'Duplicates, for example', ...lines];
}

function contamination({ decontamination: { benchmarks, flagged, matches, words } }: DataReport): string[] {
  if (benchmarks.length === 0) return [];
  const against = benchmarks.map(({ name, items }) => `${items} questions of ${name}`).join(', ');
  const lines = matches
    .slice(0, mostShown)
    .flatMap(({ row, benchmark, item, by, text, question }) => [
      `  row ${row} and ${benchmark} ${item} (${by === 'same-text' ? 'same text' : 'shared words'})`,
      `    row:       ${clip(text, width - 15)}`,
      `    benchmark: ${clip(question, width - 15)}`,
    ]);
  return ['', `Checked against ${against}, by ${words} words running: ${flagged} rows hold one.`, ...lines];
}

function tokens({ tokens: counted }: DataReport): string[] {
  if (!counted) return [];
  const { total, trained, mean, percentiles, histogram, sequences, batch, steps, stepsPerEpoch, pairs } = counted;
  const { p50, p90, p95, p99, max } = percentiles;
  return [
    '',
    `${total} tokens, ${trained} of them trained; ${mean} a row (median ${p50}, 90% ${p90}, 95% ${p95}, 99% ${p99}, longest ${max}).`,
    ...(pairs
      ? [
          `Prompts have ${pairs.prompt} of them, chosen answers ${pairs.chosen}, rejected ones ${pairs.rejected}; a prompt is read twice, and the longer conversation of a pair counts as its length.`,
        ]
      : []),
    `${fate(counted)}; ${steps} steps of ${batch} ${sequences === undefined ? 'rows' : 'sequences'}, ${stepsPerEpoch} an epoch.`,
    table(
      ['tokens', 'rows'],
      histogram.map(({ upTo, rows }) => [`up to ${upTo}`, String(rows)]),
    ),
  ];
}

/** What becomes of long rows. */
function fate({ over, sequences, sequenceLength }: TokenReport): string {
  const dropped = over > 0 ? ', dropped' : '';
  if (sequences === undefined) return `${over} rows above ${sequenceLength} tokens${dropped}`;
  return `${sequences} sequences of at most ${sequenceLength} tokens; ${over} texts of more than 64 of them${dropped}`;
}

export function warningLines({ warnings }: DataReport): string[] {
  const lines = warnings.map(({ code, message }) => `${paint('yellow', `warning (${code}):`)} ${message}`);
  return lines.length === 0 ? [] : ['', ...lines];
}

export function refusalLines({ refusal: why }: DataReport): string[] {
  return why ? ['', `${paint('red', 'Refused:')} ${why.message} ${why.remedy}`] : [];
}
