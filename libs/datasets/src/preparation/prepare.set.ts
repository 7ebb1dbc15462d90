import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Failure,
  type AcceptedRunSpec,
  type ContaminationMatch,
  type DataReport,
  type DataReportSummary,
  type DataWarning,
} from '@anneal/contracts';
import { findFormat, jsonlRow, readTextLines, tooLong, type DataFormat, type SourceRow } from '@anneal/rows';
import { BenchmarkIndex, type BenchmarkText } from '../contamination/benchmark.index.js';
import { DigestMap } from '../duplicates/digest.map.js';
import { signatureLength } from '../duplicates/min-hash.js';
import { NearIndex } from '../duplicates/near.index.js';
import { PreparedFiles } from '../prepared.files.js';
import { readBatches, type RowBatch } from '../rows/row.batches.js';
import type { StagedSource } from '../sources/source.js';
import { Rendering } from '../tokens/rendering.js';
import { tokenReport } from '../tokens/token.report.js';
import { tokenizerDigest, type TokenizerFiles } from '../tokens/tokenizer.files.js';
import { shown, type LaneResult, type RawRow, type UsableRow } from './lane.js';
import { Lanes } from './lanes.js';
import { NumberList } from './number.list.js';
import { RowProblems } from './row.problems.js';
import { RowTallies } from './row.tallies.js';

type DataSpec = Pick<
  AcceptedRunSpec['dataset'],
  | 'columns'
  | 'system'
  | 'limit'
  | 'mostBadRows'
  | 'nearDuplicates'
  | 'decontamination'
  | 'decontaminationWords'
>;
type TrainingSpec = Pick<
  AcceptedRunSpec['training'],
  'prompt' | 'sequenceLength' | 'epochs' | 'maxSteps' | 'microBatch' | 'gradientAccumulation' | 'gpus'
>;

export interface SetInput {
  readonly source: StagedSource;
  readonly dataset: DataSpec;
  readonly training: TrainingSpec;
  /** Share of the rows that is held out. */
  readonly heldOut: number;
  /** A source of which every row is held out, and none is trained on. */
  readonly heldOutFrom?: StagedSource | undefined;
  /** Of the base model; without it no tokens are counted. */
  readonly tokenizer: TokenizerFiles | undefined;
  readonly benchmarks: readonly BenchmarkText[];
}

export interface SetOptions {
  /** A folder that does not hold a set yet. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onRows?: (rows: number) => void;
}

/** The trainer takes as many tokens a row at most when a request names no length. */
const usualSequenceLength = 2048;
const mostExamples = 10;
const mostMatches = 100;
const previewRows = 10;
const tellEvery = 1000;

/**
 * Reads a source and writes the set that a trainer uses as it is: train.jsonl, held-out.jsonl when rows are held out, and
 * report.json. The same rows and the same wishes give the same bytes on every machine.
 *
 * @throws Failure DATASET_EMPTY, DATASET_COLUMN_MISSING, DATASET_ROW_INVALID and what the readers throw
 */
export async function prepareSet(input: SetInput, options: SetOptions): Promise<DataReport> {
  const preparation = await SetPreparation.begin(input, options);
  try {
    return await preparation.run();
  } finally {
    await preparation.close();
  }
}

/** What of a report travels with the set. */
export function summaryOf(report: DataReport): DataReportSummary {
  const { format, dropped, duplicates, decontamination, tokens, warnings } = report;
  return {
    format: format.name,
    dropped,
    nearDuplicates: duplicates.near,
    contaminated: { flagged: decontamination.flagged, removed: decontamination.removed },
    ...(tokens === null
      ? {}
      : { tokens: { total: tokens.total, trained: tokens.trained, longest: tokens.percentiles.max } }),
    warnings: warnings.map(({ code }) => code),
  };
}

/** A usable row and its place in the source. */
interface PlacedRow extends Omit<UsableRow, 'number'> {
  readonly number: number;
}

class SetPreparation {
  private lanes: Lanes | undefined;
  private format: DataFormat | undefined;
  private readonly rendering: Rendering | undefined;
  private readonly index: BenchmarkIndex | undefined;
  private readonly problems = new RowProblems();
  private readonly tallies = new RowTallies();
  private readonly digests = new DigestMap();
  private readonly fromElsewhere = new DigestMap();
  private readonly near: NearIndex | undefined;
  /** Places in the source by places in the near index; 0 for a row that is held out from elsewhere. */
  private readonly nearNumbers = new NumberList();
  private readonly trainNumbers = new NumberList();
  private readonly tokens = new NumberList();
  private readonly counts = { read: 0, exact: 0, near: 0, over: 0, flagged: 0, removed: 0, held: 0 };
  private readonly sums = { characters: 0, longest: 0, tokens: 0, trained: 0 };
  private readonly examples: DataReport['duplicates']['examples'] = [];
  private readonly matches: ContaminationMatch[] = [];
  private readonly previews: PlacedRow[] = [];
  private readonly sequenceLength: number;

  private constructor(
    private readonly input: SetInput,
    private readonly options: SetOptions,
    private readonly files: PreparedFiles<PlacedRow>,
    trained: { listener: (row: PlacedRow) => void },
  ) {
    const { dataset, training, tokenizer, benchmarks } = input;
    trained.listener = (row) => this.countTrained(row);
    this.sequenceLength = training.sequenceLength ?? usualSequenceLength;
    this.rendering = tokenizer === undefined ? undefined : new Rendering(tokenizer, training.prompt);
    this.near = dataset.nearDuplicates < 1 ? new NearIndex(dataset.nearDuplicates) : undefined;
    if (dataset.decontamination !== 'off' && benchmarks.length > 0)
      this.index = BenchmarkIndex.of(benchmarks, dataset.decontaminationWords);
  }

  static async begin(input: SetInput, options: SetOptions): Promise<SetPreparation> {
    const trained: { listener: (row: PlacedRow) => void } = { listener: () => undefined };
    const files = await PreparedFiles.create<PlacedRow>(options.directory, input.heldOut, (row) =>
      trained.listener(row),
    );
    return new SetPreparation(input, options, files, trained);
  }

  async close(): Promise<void> {
    await Promise.all([this.lanes?.close(), this.files.close()]);
  }

  async run(): Promise<DataReport> {
    const { source, heldOutFrom, dataset } = this.input;
    if (heldOutFrom) {
      await this.each(heldOutFrom, undefined, async (row, signature) => this.holdOut(row, signature));
      if (this.files.heldOut === 0) throw nothingToHoldOut(heldOutFrom.name);
      // Bad rows of that source are none of the set's.
      this.problems.refuseMoreThan(dataset.mostBadRows, this.counts.read);
      this.counts.read = 0;
      await this.lanes?.close();
      this.lanes = undefined;
      this.format = undefined;
    }
    await this.each(source, dataset.limit, async (row, signature) => this.take(row, signature));
    this.problems.refuseMoreThan(dataset.mostBadRows, this.counts.read);
    await this.files.finish(source.name, this.whyNothing());
    const report = await this.report();
    await writeFile(join(this.options.directory, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
    return report;
  }

  /** Has every row examined, several batches at once, and handles the results in the order of the source. */
  private async each(
    source: StagedSource,
    limit: number | undefined,
    handle: (row: PlacedRow, signature: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const waiting: { batch: RowBatch; result: Promise<LaneResult> }[] = [];
    const handleNext = async (): Promise<void> => {
      const next = waiting.shift();
      if (next) await this.handleBatch(next.batch, await next.result, handle);
    };
    try {
      for await (const batch of readBatches(source, limit)) {
        this.options.signal.throwIfAborted();
        const lanes = this.lanes ?? this.startLanes(batch);
        if (!lanes) {
          this.refuseAll(batch);
          continue;
        }
        waiting.push({ batch, result: lanes.process(batch.raw, batch.file) });
        if (waiting.length > lanes.depth) await handleNext();
      }
      while (waiting.length > 0) await handleNext();
    } finally {
      for (const { result } of waiting) void result.catch(() => undefined);
    }
  }

  /** The format is found in the first batch that has a row at all. */
  private startLanes(batch: RowBatch): Lanes | undefined {
    const rows = sampleOf(batch);
    if (rows.length === 0) return undefined;
    const { dataset, training, tokenizer } = this.input;
    this.format = findFormat(rows, dataset.columns, batch.file);
    this.lanes = new Lanes({
      format: this.format,
      system: dataset.system,
      prompt: training.prompt,
      tokenizer,
      benchmarks: this.index?.shared,
      signs: this.near !== undefined,
    });
    return this.lanes;
  }

  /** A batch without one line that is JSON. */
  private refuseAll({ raw, file, before }: RowBatch): void {
    for (const row of raw) {
      this.counts.read += 1;
      const { code, message } = problemOf(row, file);
      this.problems.add(code, message, { row: before + row.number, file, number: row.number });
    }
  }

  private async handleBatch(
    { file, before }: RowBatch,
    { rows, signatures }: LaneResult,
    handle: (row: PlacedRow, signature: Uint8Array) => Promise<void>,
  ): Promise<void> {
    for (const [index, row] of rows.entries()) {
      this.counts.read += 1;
      if (this.counts.read % tellEvery === 0) this.options.onRows?.(this.counts.read);
      const at = { row: before + row.number, file, number: row.number };
      if (!row.ok) {
        this.problems.add(row.code, row.message, at);
      } else if (row.counted && row.counted.tokens > this.sequenceLength) {
        this.counts.over += 1;
        const message = `Row ${row.number} of ${file} has ${row.counted.tokens} tokens, more than the sequence length of ${this.sequenceLength}.`;
        this.problems.add('over-long', message, at);
      } else {
        const signature = signatures.subarray(index * signatureLength, (index + 1) * signatureLength);
        await handle({ ...row, number: at.row }, signature);
      }
    }
  }

  /** Rows of another source go before all others, so that none of them, nor one that is like it, is trained on. */
  private holdOut(row: PlacedRow, signature: Uint8Array): void {
    // Also the rows that are too many to be asked: whoever names a source to be held out has all of it in mind.
    if (this.fromElsewhere.add(row.digest, row.number) !== undefined) return;
    this.near?.add(signature);
    if (this.near) this.nearNumbers.push(0);
    this.files.holdOut(row);
  }

  private async take(row: PlacedRow, signature: Uint8Array): Promise<void> {
    if (this.fromElsewhere.has(row.digest)) {
      this.counts.held += 1;
      return;
    }
    const of = this.digests.add(row.digest, row.number);
    if (of !== undefined) {
      this.counts.exact += 1;
      this.example(row, of, 1);
      return;
    }
    if (this.isNear(row, signature)) return;
    if (row.contaminated) {
      this.flag(row, row.contaminated);
      if (this.input.dataset.decontamination === 'remove') {
        this.counts.removed += 1;
        return;
      }
    }
    this.tallies.add(row);
    if (this.previews.length < previewRows) this.previews.push(row);
    await this.files.add(row);
  }

  private isNear(row: PlacedRow, signature: Uint8Array): boolean {
    const found = this.near?.find(signature);
    if (!found) {
      this.near?.add(signature);
      if (this.near) this.nearNumbers.push(row.number);
      return false;
    }
    const of = this.nearNumbers.at(found.place);
    if (of === 0) this.counts.held += 1;
    else {
      this.counts.near += 1;
      this.example(row, of, found.similarity);
    }
    return true;
  }

  private example(row: PlacedRow, of: number, similarity: number): void {
    const kind = this.examples.filter((example) => (example.similarity === 1) === (similarity === 1));
    if (kind.length >= mostExamples / 2) return;
    const text = shownRow(row.line);
    this.examples.push({ row: row.number, of, similarity: Math.round(similarity * 1000) / 1000, text, ofText: text });
  }

  private flag(row: PlacedRow, found: NonNullable<PlacedRow['contaminated']>): void {
    this.counts.flagged += 1;
    const question = this.input.benchmarks[found.item];
    if (!question || this.matches.length >= mostMatches) return;
    const { benchmark, item } = question;
    const { by, text } = found;
    this.matches.push({ row: row.number, benchmark, item, by, text, question: shown(question.text) });
  }

  private countTrained({ number, characters, counted }: PlacedRow): void {
    this.trainNumbers.push(number);
    this.sums.characters += characters;
    this.sums.longest = Math.max(this.sums.longest, characters);
    if (!counted) return;
    this.tokens.push(counted.tokens);
    this.sums.tokens += counted.tokens;
    this.sums.trained += counted.trained;
  }

  private whyNothing(): string {
    if (this.counts.held > 0) return ': dataset.heldOutFrom has all of them, too';
    return this.counts.removed > 0 ? ': all of them hold questions of a benchmark' : '';
  }

  private async report(): Promise<DataReport> {
    const { dataset, training, benchmarks, tokenizer } = this.input;
    const { read, exact, near, flagged, removed } = this.counts;
    await this.tellEarlierRows();
    const counts = new Map<string, number>();
    for (const { benchmark } of benchmarks) counts.set(benchmark, (counts.get(benchmark) ?? 0) + 1);
    const hasTokens = tokenizer !== undefined && this.tokens.length > 0;
    return {
      version: 1,
      format: { name: this.format?.name ?? 'question-answer', columns: { ...this.format?.columns } },
      rows: read,
      train: this.files.trained,
      heldOut: this.files.heldOut,
      dropped: this.problems.count,
      problems: this.problems.list,
      duplicates: { exact, near, threshold: dataset.nearDuplicates, examples: this.examples },
      decontamination: {
        mode: dataset.decontamination,
        words: dataset.decontaminationWords,
        benchmarks: [...counts].map(([name, items]) => ({ name, items })),
        flagged,
        removed,
        matches: this.matches,
      },
      characters: { total: this.sums.characters, longest: this.sums.longest },
      tokens: hasTokens
        ? tokenReport(
            {
              tokenizer: tokenizerDigest(tokenizer),
              tokens: this.tokens,
              total: this.sums.tokens,
              trained: this.sums.trained,
              sequenceLength: this.sequenceLength,
              over: this.counts.over,
            },
            training,
          )
        : null,
      template: this.rendering
        ? {
            prompt: training.prompt,
            chatTemplate: this.rendering.hasTemplate,
            endOfTurn: [...this.rendering.endOfTurn],
            specialTokens: { ...this.rendering.specialTokens },
          }
        : null,
      preview: await this.preview(),
      personalData: this.tallies.personalData,
      languages: this.tallies.languageMix,
      warnings: [...this.modelWarnings(), ...this.setWarnings(), ...this.tallies.warnings],
    };
  }

  private async preview(): Promise<DataReport['preview']> {
    const made = await this.lanes?.preview(this.previews.map(({ line }) => line));
    return this.previews.flatMap(({ number }, index) => {
      const preview = made?.[index];
      return preview ? [{ row: number, tokens: preview.tokens, parts: [...preview.parts] }] : [];
    });
  }

  private modelWarnings(): DataWarning[] {
    const rows = this.files.trained;
    if (!this.rendering) {
      const message = 'The tokenizer of the base model is not at hand: no tokens are counted, and no row is too long.';
      return [{ code: 'no-tokenizer', rows, message }];
    }
    if (this.input.training.prompt === 'chat' && !this.rendering.hasTemplate) {
      const message = 'The base model has no chat template: set training.prompt to load-qa, or take a chat model.';
      return [{ code: 'no-chat-template', rows, message }];
    }
    if (this.rendering.endOfTurn.length > 0) return [];
    const message = 'No token is known to end a turn in the template of the base model: it may never learn to stop.';
    return [{ code: 'no-end-of-turn', rows, message }];
  }

  private setWarnings(): DataWarning[] {
    const warnings: DataWarning[] = [];
    const { flagged, removed, held } = this.counts;
    const dropped = this.problems.count;
    if (dropped > 0) {
      const kinds = this.problems.list.map(({ code, rows }) => `${code} ${rows}`).join(', ');
      warnings.push({ code: 'rows-dropped', rows: dropped, message: `${dropped} rows cannot be used: ${kinds}.` });
    }
    if (flagged > 0) {
      const fate = removed > 0 ? 'they are removed' : 'they stay in the set';
      const message = `${flagged} rows hold a question of a benchmark that judges the model; ${fate}.`;
      warnings.push({ code: 'contaminated', rows: flagged, message });
    }
    if (held > 0) {
      const message = `${held} rows are, or are like, rows of dataset.heldOutFrom; they are not trained on.`;
      warnings.push({ code: 'validation-in-training', rows: held, message });
    }
    return warnings;
  }

  /** Looks the earlier rows of the examples up in what was written: nobody keeps a million texts for ten of them. */
  private async tellEarlierRows(): Promise<void> {
    const wanted = new Set(this.examples.map(({ of }) => of));
    const texts = new Map<number, string>();
    const path = join(this.options.directory, 'train.jsonl');
    for await (const { number, text } of wanted.size > 0 ? readTextLines(path, (row) => tooLong(row, path)) : []) {
      const row = this.trainNumbers.at(number - 1);
      if (wanted.has(row)) texts.set(row, shownRow(text));
      if (texts.size === wanted.size) break;
    }
    // An earlier row that is not in the file was held out, or removed for another reason.
    for (const example of this.examples) example.ofText = texts.get(example.of) ?? '(not in the training rows)';
  }
}

const rowsLookedAt = 3;

/** The first rows of a batch that can be read. */
function sampleOf({ raw, file }: RowBatch): SourceRow[] {
  const rows: SourceRow[] = [];
  for (const row of raw) {
    const read = readRaw(row, file);
    if (read) rows.push(read);
    if (rows.length === rowsLookedAt) break;
  }
  return rows;
}

function readRaw(row: RawRow, file: string): SourceRow | undefined {
  try {
    return 'columns' in row ? row : jsonlRow(row, file);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

function problemOf(row: RawRow, file: string): { code: 'not-json' | 'not-utf-8'; message: string } {
  if ('columns' in row) throw new RangeError('a row that was read is no problem');
  try {
    jsonlRow(row, file);
  } catch (error) {
    if (error instanceof Failure) return { code: row.isUtf8 ? 'not-json' : 'not-utf-8', message: error.message };
    throw error;
  }
  throw new RangeError('a row that can be read is no problem');
}

/** A stored conversation as a report shows it. */
function shownRow(line: string): string {
  const { messages } = JSON.parse(line) as { messages: { role: string; content: string }[] };
  const spoken = messages.filter(({ role }) => role !== 'system').map(({ content }) => content);
  return shown(spoken.join(' → '));
}

function nothingToHoldOut(name: string): Failure {
  return new Failure('DATASET_EMPTY', `${name} has no row to hold out.`, {
    remedy: 'Give a source with at least one row, or leave out dataset.heldOutFrom.',
    field: 'dataset.heldOutFrom',
    file: name,
  });
}
