import type { DataReport, DataReportSummary, DataWarning, Failure, TokenReport } from '@anneal/contracts';
import { readTextLines, type DataFormat } from '@anneal/rows';
import { tokenReport } from '../tokens/token.report.js';
import { tokenizerDigest } from '../tokens/tokenizer.files.js';
import { shownRow, type Preview, type RenderingFacts } from './lane.js';
import type { SetBooks } from './set.books.js';
import type { SetInput } from './set.input.js';

interface Reported {
  readonly input: SetInput;
  readonly books: SetBooks;
  /** Not found when no row could be read. */
  readonly format: DataFormat | undefined;
  readonly rendering: RenderingFacts | undefined;
  readonly sequenceLength: number;
  readonly train: number;
  readonly heldOut: number;
  readonly previews: readonly Preview[];
  readonly refusal: Failure | undefined;
}

/** The report on a set that is complete. */
export function composeReport(reported: Reported): DataReport {
  const { input, books, format, rendering, train, heldOut } = reported;
  const { dataset, benchmarks } = input;
  const items = new Map<string, number>();
  for (const { benchmark } of benchmarks) items.set(benchmark, (items.get(benchmark) ?? 0) + 1);
  const { exact, near, examples, flagged, removed, matches } = books;
  return {
    version: 1,
    format: { name: format?.name ?? 'question-answer', columns: { ...format?.columns } },
    rows: books.read,
    train,
    heldOut,
    fromElsewhere: input.heldOutFrom ? heldOut : 0,
    dropped: books.problems.count,
    problems: books.problems.list,
    duplicates: { exact, near, threshold: dataset.nearDuplicates, examples },
    decontamination: {
      mode: dataset.decontamination,
      words: dataset.decontaminationWords,
      benchmarks: [...items].map(([name, count]) => ({ name, items: count })),
      flagged,
      removed,
      matches,
    },
    characters: { total: books.characters, longest: books.longest },
    tokens: tokensOf(reported),
    template: rendering
      ? {
          prompt: rendering.prompt,
          chatTemplate: rendering.hasTemplate,
          ...(input.tokenizer?.family === undefined ? {} : { family: input.tokenizer.family }),
          endOfTurn: [...rendering.endOfTurn],
          specialTokens: { ...rendering.specialTokens },
        }
      : null,
    preview: books.previews.flatMap(({ number }, index) => {
      const preview = reported.previews[index];
      if (!preview) return [];
      const { tokens, parts, rejected } = preview;
      return [{ row: number, tokens, parts: [...parts], ...(rejected ? { rejected: [...rejected] } : {}) }];
    }),
    personalData: books.tallies.personalData,
    languages: books.tallies.languageMix,
    warnings: [...modelWarnings(reported), ...setWarnings(reported), ...books.tallies.warnings],
    ...(reported.refusal ? { refusal: reported.refusal.toDetail() } : {}),
  };
}

/** What of a report travels with the set. */
export function summaryOf(report: DataReport): DataReportSummary {
  const { format, dropped, duplicates, decontamination, tokens, warnings } = report;
  return {
    format: format.name,
    dropped,
    nearDuplicates: duplicates.near,
    contaminated: { flagged: decontamination.flagged, removed: decontamination.removed },
    ...(tokens === null ? {} : { tokens: tokenSummary(tokens) }),
    warnings: warnings.map(({ code }) => code),
  };
}

function tokenSummary({ total, trained, percentiles: { max }, sequences }: TokenReport): DataReportSummary['tokens'] {
  return { total, trained, longest: max, ...(sequences === undefined ? {} : { sequences }) };
}

/**
 * Looks the earlier rows of the duplicates up in what was written: nobody keeps a million texts for ten of them.
 *
 * @param linesPath the rows to train on, one JSON line each
 */
export async function tellEarlierRows({ examples, trainNumbers }: SetBooks, linesPath: string): Promise<void> {
  const wanted = new Set(examples.filter(({ similarity }) => similarity < 1).map(({ of }) => of));
  if (wanted.size === 0) return;
  const texts = new Map<number, string>();
  for await (const { number, text } of readTextLines(linesPath)) {
    const row = trainNumbers.at(number - 1);
    if (wanted.has(row)) texts.set(row, shownRow(text));
    if (texts.size === wanted.size) break;
  }
  for (const example of examples)
    if (wanted.has(example.of)) example.ofText = texts.get(example.of) ?? '(held out, or removed)';
}

function tokensOf({ input, books, rendering, sequenceLength }: Reported): DataReport['tokens'] {
  if (!input.tokenizer || !rendering || books.tokensOfRows.length === 0) return null;
  return tokenReport(
    {
      tokenizer: tokenizerDigest(input.tokenizer),
      tokens: books.tokensOfRows,
      total: books.tokens,
      trained: books.trainedTokens,
      pairs: books.pairTokens,
      sequenceLength,
      over: books.over,
      sequences: rendering.prompt === 'completion' ? books.sequences : undefined,
    },
    input.training,
  );
}

function modelWarnings({ input, rendering, train }: Reported): DataWarning[] {
  if (!rendering) {
    const why = input.tokenizer ? 'cannot be read here' : 'is not at hand';
    const message = `The tokenizer of the base model ${why}: no tokens are counted, and no row is too long.`;
    return [{ code: 'no-tokenizer', rows: train, message }];
  }
  if (rendering.prompt === 'chat' && !rendering.hasTemplate) {
    const message =
      'The base model has no chat template of its own, and that of its family is not known here, so that no tokens are counted and no row is too long: the trainer takes the template of the family, where Axolotl has one, and refuses the run otherwise; training.prompt load-qa needs none.';
    return [{ code: 'no-chat-template', rows: train, message }];
  }
  if (rendering.endOfTurn.length > 0) return [];
  const message = 'No token is known to end a turn in the template of the base model: it may never learn to stop.';
  return [{ code: 'no-end-of-turn', rows: train, message }];
}

function setWarnings({ input, books }: Reported): DataWarning[] {
  const warnings: DataWarning[] = [];
  const { problems, flagged, removed, heldElsewhere } = books;
  for (const { benchmark, reason } of input.uncheckedBenchmarks) {
    const message = `Rows are not checked against ${benchmark}: ${reason}`;
    warnings.push({ code: 'benchmark-unchecked', rows: 0, message });
  }
  if (problems.count > 0) {
    const message = `${problems.count} rows cannot be used: ${problems.tell()}.`;
    warnings.push({ code: 'rows-dropped', rows: problems.count, message });
  }
  if (flagged > 0) {
    const fate = removed > 0 ? 'they are removed' : 'they stay in the set';
    const message = `${flagged} rows hold a question of a benchmark that judges the model; ${fate}.`;
    warnings.push({ code: 'contaminated', rows: flagged, message });
  }
  if (heldElsewhere > 0) {
    const message = `${heldElsewhere} rows are, or are like, rows of dataset.heldOutFrom; they are not trained on.`;
    warnings.push({ code: 'validation-in-training', rows: heldElsewhere, message });
  }
  return warnings;
}
