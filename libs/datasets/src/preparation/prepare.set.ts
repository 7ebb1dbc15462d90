import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, type DataReport } from '@anneal/contracts';
import { findFormat, objectiveOf, readTrainingRow, UnreadableRow, type DataFormat } from '@anneal/rows';
import { BenchmarkIndex, leastShared } from '../contamination/benchmark.index.js';
import { DigestMap } from '../duplicates/digest.map.js';
import { signatureLength } from '../duplicates/min-hash.js';
import { NearIndex } from '../duplicates/near.index.js';
import { StockShingles } from '../duplicates/shingles.js';
import { PreparedFiles } from '../prepared.files.js';
import type { StagedSource } from '../sources/source.js';
import type { Rendering } from '../tokens/rendering.js';
import { RowWords } from '../words/row.words.js';
import { spokenIn, type BadRow, type LaneResult, type UsableRow } from './lane.js';
import { Lanes } from './lanes.js';
import { NumberList } from './number.list.js';
import { readBatches, type RowBatch } from './row.batches.js';
import { toRows } from './row.columns.js';
import type { RowPlace } from './row.problems.js';
import { SetBooks } from './set.books.js';
import type { SetInput, SetOptions } from './set.input.js';
import { composeReport, tellEarlierRows } from './set.report.js';

/** The trainer takes as many tokens a row at most when a request names no length. */
const usualSequenceLength = 2048;
/** A plain text is cut at the sequence length; what comes after so many pieces, Axolotl would leave out without a word. */
const mostPieces = 64;
const tellEvery = 1000;

type HandleRow = (row: UsableRow, signature: Uint8Array) => void;

/**
 * Reads a source and writes the set that a trainer uses as it is: train.parquet, held-out.jsonl when rows are held out, and
 * report.json. The same rows and the same wishes give the same bytes on every machine.
 *
 * A set that no run can use is reported on with its refusal; that of a source which cannot be read is thrown.
 *
 * @throws Failure DATASET_EMPTY, DATASET_COLUMN_MISSING, DATASET_ROW_INVALID and what the readers throw
 */
export async function prepareSet(input: SetInput, options: SetOptions): Promise<DataReport> {
  const books = new SetBooks(
    input.training.sequenceLength ?? usualSequenceLength,
    leastShared(input.dataset.decontaminationWords),
  );
  const files = await PreparedFiles.create<UsableRow>(options.directory, input.heldOut, (row) => books.trained(row));
  const preparation = new SetPreparation(input, options, books, files);
  try {
    return await preparation.run();
  } finally {
    await Promise.all([preparation.close(), files.close()]);
  }
}

class SetPreparation {
  private lanes = new Lanes();
  /** Not found before the first rows have been looked at; then the lanes know it, too. */
  private format: DataFormat | undefined;
  private readonly index: BenchmarkIndex | undefined;
  private readonly digests = new DigestMap();
  private readonly fromElsewhere = new DigestMap();
  private readonly near: NearIndex | undefined;
  /** Places in the source by places in the near index; 0 for a row that is held out from elsewhere. */
  private readonly nearNumbers = new NumberList();
  private readonly sequenceLength: number;

  constructor(
    private readonly input: SetInput,
    private readonly options: SetOptions,
    private readonly books: SetBooks,
    private readonly files: PreparedFiles<UsableRow>,
  ) {
    const { dataset, training, benchmarks } = input;
    this.sequenceLength = training.sequenceLength ?? usualSequenceLength;
    this.near = dataset.nearDuplicates < 1 ? new NearIndex(dataset.nearDuplicates) : undefined;
    if (dataset.decontamination !== 'off' && benchmarks.length > 0)
      this.index = BenchmarkIndex.of(benchmarks, dataset.decontaminationWords);
  }

  async close(): Promise<void> {
    await this.lanes.close();
  }

  async run(): Promise<DataReport> {
    const { input, options, books, files } = this;
    const { source, heldOutFrom, dataset } = input;
    if (heldOutFrom) await this.holdOutAll(heldOutFrom);
    await this.each(source, dataset.limit, (row, signature) => this.take(row, signature));
    const refusal = books.problems.moreThan(dataset.mostBadRows, books.read) ?? this.nothingLeft(source.name);
    // Where no row could be read, there is nothing to report on.
    if (refusal && !this.format) throw refusal;
    await files.flush();
    await tellEarlierRows(books, files.linesPath);
    const previews = this.format ? await this.lanes.preview(books.previews.map(({ line }) => line)) : [];
    const rendering = this.format ? await this.lanes.describe() : undefined;
    await this.lanes.close();
    const prompt = this.promptOf(this.format);
    const pairs = this.format !== undefined && objectiveOf(this.format) === 'dpo';
    await files.finish({
      rows: pairs ? 'pairs' : prompt === 'completion' ? 'text' : 'messages',
      // Of pairs the whole text is written for load-qa when they are trained.
      asQuestions: prompt === 'load-qa' && !pairs,
    });
    const report = composeReport({
      input,
      books,
      format: this.format,
      rendering,
      sequenceLength: this.sequenceLength,
      train: files.trained,
      heldOut: files.heldOut,
      previews,
      refusal,
    });
    await writeFile(join(options.directory, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
    return report;
  }

  /** Rows of another source go before all others, so that none of them, nor one that is like it, is trained on. */
  private async holdOutAll(source: StagedSource): Promise<void> {
    const { books, input } = this;
    await this.each(source, undefined, (row, signature) => this.holdOut(row, signature));
    const refusal = books.problems.moreThan(input.dataset.mostBadRows, books.read);
    if (refusal) throw refusal;
    if (this.files.heldOut === 0) throw nothingToHoldOut(source.name);
    // The other source may have another form, and what is wrong with this one is told nowhere else.
    await this.lanes.close();
    [this.lanes, this.format] = [new Lanes(), undefined];
    books.problems.clear();
    [books.read, books.over] = [0, 0];
  }

  /** Has every row examined, several batches at once, and handles the results in the order of the source. */
  private async each(source: StagedSource, limit: number | undefined, handle: HandleRow): Promise<void> {
    const waiting: { batch: RowBatch; result: Promise<LaneResult> }[] = [];
    const handleNext = async (): Promise<void> => {
      const next = waiting.shift();
      if (!next) return;
      const from = performance.now();
      const result = await next.result;
      this.lanes.noteWait(performance.now() - from);
      await this.handleBatch(next.batch, result, handle);
    };
    try {
      for await (const batch of readBatches(source, limit)) {
        this.options.signal.throwIfAborted();
        this.noteProblems(batch);
        if (batch.rows.length === 0) continue;
        this.format ??= this.look(batch);
        waiting.push({ batch, result: this.lanes.process(batch.rows, batch.file) });
        if (waiting.length > this.lanes.depth) await handleNext();
      }
      while (waiting.length > 0) await handleNext();
    } finally {
      for (const { result } of waiting) void result.catch(() => undefined);
    }
  }

  private promptOf(format: DataFormat | undefined): Rendering['prompt'] {
    return format?.name === 'text' ? 'completion' : this.input.training.prompt;
  }

  /** Finds the format in the first rows, and tells the lanes what is to be done. */
  private look({ rows, file }: RowBatch): DataFormat {
    const { dataset, training, tokenizer } = this.input;
    const format = findFormat(rows, dataset.columns, file, training.objective);
    if (format.name === 'text') requirePlain(this.input, file);
    const prompt = this.promptOf(format);
    this.lanes.begin({
      format,
      system: dataset.system,
      prompt,
      tokenizer,
      sequenceLength: this.sequenceLength,
      benchmarks: this.index?.shared,
      stock: this.near ? stockOf(rows, format, dataset.system) : undefined,
    });
    return format;
  }

  private noteProblems({ problems, ...batch }: RowBatch): void {
    for (const failure of problems) {
      const { message, row: number = 0 } = failure;
      this.books.read += 1;
      const code = failure instanceof UnreadableRow ? failure.problem : 'unreadable';
      this.books.problems.add(code, message, placeOf(number, batch));
    }
  }

  private async handleBatch(batch: RowBatch, result: LaneResult, handle: HandleRow): Promise<void> {
    const bad = [...result.bad];
    for (const [index, row] of toRows(result.usable).entries()) {
      while (bad[0] && bad[0].number < row.number) this.noteBad(bad.shift(), batch);
      const signature = result.signatures.subarray(index * signatureLength, (index + 1) * signatureLength);
      const tooLong = this.tooLong(row, batch);
      if (tooLong) this.noteBad(tooLong, batch);
      else {
        this.countRow();
        handle({ ...row, number: batch.before + row.number }, signature);
      }
    }
    for (const row of bad) this.noteBad(row, batch);
    await this.files.settle();
  }

  private noteBad(row: BadRow | undefined, batch: RowBatch): void {
    if (!row) return;
    this.countRow();
    const { code, message, number } = row;
    this.books.problems.add(code, message, placeOf(number, batch));
  }

  private countRow(): void {
    this.books.read += 1;
    if (this.books.read % tellEvery === 0) this.options.onRows?.(this.books.read);
  }

  private tooLong({ number, counted }: UsableRow, { rows, file }: RowBatch): BadRow | undefined {
    const { books, sequenceLength } = this;
    const isText = this.format?.name === 'text';
    const most = isText ? sequenceLength * mostPieces : sequenceLength;
    if (!counted || counted.tokens <= most) return undefined;
    books.over += 1;
    const limit = isText ? `the ${mostPieces} sequences` : 'the sequence length';
    const place = `${rows[0]?.unit ?? 'row'} ${number} of ${file}`;
    const message = `In ${place}, there are ${counted.tokens} tokens, more than ${limit} of ${most}.`;
    return { number, code: 'over-long', message };
  }

  private holdOut(row: UsableRow, signature: Uint8Array): void {
    // Also the rows that are too many to be asked: whoever names a source to be held out has all of it in mind.
    if (this.fromElsewhere.add(row.digest, row.number) !== undefined) return;
    this.near?.add(signature);
    if (this.near) this.nearNumbers.push(0);
    this.files.holdOut(row);
  }

  private take(row: UsableRow, signature: Uint8Array): void {
    const { books, input } = this;
    if (this.fromElsewhere.has(row.digest)) {
      books.heldElsewhere += 1;
      return;
    }
    const of = this.digests.add(row.digest, row.number);
    if (of !== undefined) return books.exactDuplicate(row, of);
    if (this.isNear(row, signature)) return;
    const question = row.contaminated && input.benchmarks[row.contaminated.item];
    if (row.contaminated && question) {
      books.contaminated(row, row.contaminated, question);
      if (input.dataset.decontamination === 'remove') {
        books.removed += 1;
        return;
      }
    }
    books.kept(row);
    this.files.add(row);
  }

  private isNear(row: UsableRow, signature: Uint8Array): boolean {
    const found = this.near?.find(signature);
    if (!found) {
      this.near?.add(signature);
      if (this.near) this.nearNumbers.push(row.number);
      return false;
    }
    const of = this.nearNumbers.at(found.place);
    if (of === 0) this.books.heldElsewhere += 1;
    else this.books.nearDuplicate(row, of, found.similarity);
    return true;
  }

  private nothingLeft(file: string): Failure | undefined {
    if (this.files.trained > 0) return undefined;
    const { read, heldElsewhere, removed } = this.books;
    if (read === 0)
      return new Failure('DATASET_EMPTY', `${file} has no row.`, {
        remedy: 'Give a source with at least one row.',
        field: 'dataset.source',
        file,
      });
    const contaminated = removed > 0 ? ': all that are usable hold questions of a benchmark' : '';
    const why = heldElsewhere > 0 ? ': dataset.heldOutFrom has all of them, too' : contaminated;
    return new Failure('DATASET_EMPTY', `${file} has no row to train on${why}.`, {
      remedy: 'Give a source with at least one row that is neither held out nor part of a benchmark.',
      field: 'dataset.source',
      file,
    });
  }
}

function placeOf(number: number, { before, file, fileNumber }: Omit<RowBatch, 'rows' | 'problems'>): RowPlace {
  return { row: before + number, file, fileNumber, number };
}

/** Plain text is trained as it is, so that wishes about what stands around it cannot be met. */
function requirePlain({ dataset, training }: SetInput, file: string): void {
  const field = dataset.system !== undefined ? 'dataset.system' : 'training.prompt';
  if (dataset.system === undefined && training.prompt === 'chat') return;
  throw new Failure('SPEC_UNSUPPORTED', `${file} holds plain text, which is trained as it is, without ${field}.`, {
    remedy: `Leave out ${field}, or give conversations, or questions with answers.`,
    field,
    file,
  });
}

/** The first batch stands for the set. */
function stockOf(rows: RowBatch['rows'], format: DataFormat, system: string | undefined): Int32Array {
  const stock = new StockShingles();
  const words = new RowWords();
  for (const { columns } of rows) {
    const read = readTrainingRow(columns, format, system);
    if (!read.ok) continue;
    words.read(spokenIn(read.row));
    stock.add(words.tokens);
  }
  return stock.list;
}

function nothingToHoldOut(name: string): Failure {
  return new Failure('DATASET_EMPTY', `${name} has no row to hold out.`, {
    remedy: 'Give a source with at least one row, or leave out dataset.heldOutFrom.',
    field: 'dataset.heldOutFrom',
    file: name,
  });
}
