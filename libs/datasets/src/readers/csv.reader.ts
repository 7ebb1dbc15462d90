import { isUtf8 } from 'node:buffer';
import { Failure } from '@anneal/contracts';
import { linesIn, longestLine, readLineBlocks, UnreadableRow, type LineBlock, type SourceRow } from '@anneal/rows';
import Papa from 'papaparse';
import { z } from 'zod';
import { delimiterOf } from './delimiter.js';
import { LongRow } from './long.row.js';
import type { RowBatches } from './row.batch.js';

/** What the parser gives; its own types leave it open. */
const parsed = z.object({
  data: z.array(z.array(z.string())),
  errors: z.array(z.object({ code: z.string(), row: z.number().optional() })),
  meta: z.object({ cursor: z.number() }),
});

/** A record, the line on which it begins, and what is wrong with its quotes. */
interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
  readonly fault: string | undefined;
  /** The line on which it ends, when it is too long and nothing of it was kept. */
  readonly passedUpTo?: number;
  /** The first of its lines that is not UTF-8. */
  readonly notUtf8?: number | undefined;
}

/**
 * Rows of a text with a header and separated columns, all of them text. The separator is found in the header; fields may
 * be quoted and then hold separators, quotes written twice, and line ends.
 */
export async function* readCsv(bytes: AsyncIterable<Buffer>, name: string): RowBatches {
  let columns: readonly string[] | undefined;
  for await (const records of recordsOf(bytes, name)) {
    const rows: SourceRow[] = [];
    const problems: Failure[] = [];
    for (const record of records) {
      const { line, fields } = record;
      const problem = problemOf(record, columns, name);
      // Without a header nobody knows what the rows hold.
      if (problem && !columns) throw problem;
      if (problem) problems.push(problem);
      else if (!columns) columns = columnsOf(fields, name);
      else rows.push({ number: line, unit: 'line', columns: named(columns, fields) });
    }
    if (rows.length > 0 || problems.length > 0) yield { rows, problems };
  }
}

function problemOf(
  { line, fields, fault, passedUpTo, notUtf8 }: CsvRecord,
  columns: readonly string[] | undefined,
  name: string,
): Failure | undefined {
  if (passedUpTo !== undefined) return tooLarge(line, passedUpTo, name);
  if (notUtf8 !== undefined) return notText(line, notUtf8, name);
  const found = fault ?? (columns && otherLength(fields, columns));
  return found === undefined ? undefined : wrongLine(line, found, name);
}

async function* recordsOf(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<readonly CsvRecord[]> {
  let parser: CsvText | undefined;
  let long: LongRow | undefined;
  for await (const block of readLineBlocks(bytes)) {
    let lines: LineBlock | undefined = block;
    if (block.isTooLong && !parser) throw endless(block.number, name);
    if (block.isTooLong) long ??= parser?.passOver(block.number);
    if (long) {
      lines = long.take(block);
      if (!lines) continue;
      yield [{ line: long.line, fields: [], fault: undefined, passedUpTo: lines.number - 1 }];
      long = undefined;
      if (lines.bytes.length === 0) continue;
    }
    const text = lines.bytes.toString('utf8');
    parser ??= new CsvText(delimiterOf(text));
    yield parser.take(`${lines.number === 1 ? text.replace(/^\uFEFF/, '') : text}\n`, lines);
    if (parser.open > longestLine) long = parser.passOver(lines.number);
  }
  // Only here a quote that is never closed shows itself.
  if (long) throw endless(long.line, name);
  if (parser) yield parser.end();
}

/** Takes a text as it comes, and gives the records that are complete. */
class CsvText {
  /** On which the next record begins. */
  private line = 1;
  private rest = '';
  /** Lines that are not UTF-8, of what is not a complete record yet. */
  private readonly notUtf8: number[] = [];
  private readonly config;

  constructor(delimiter: string) {
    this.config = { delimiter, newline: '\n' as const };
  }

  /** Characters of the record that is not complete yet. */
  get open(): number {
    return this.rest.length;
  }

  /** @param lines that the text was made of; what cannot be read of them is U+FFFD in it */
  take(text: string, lines: LineBlock): CsvRecord[] {
    if (this.open === 0) this.line = lines.number;
    this.notUtf8.push(...linesNotUtf8(lines));
    return this.records(this.rest + text, true);
  }

  /** Keeps nothing more of the record that is not complete, or of the one that begins on a line. */
  passOver(number: number): LongRow {
    const long = this.open > 0 ? new LongRow(this.line, true) : new LongRow(number, false);
    this.rest = '';
    return long;
  }

  end(): CsvRecord[] {
    return this.records(this.rest, false);
  }

  private records(text: string, more: boolean): CsvRecord[] {
    const { data, errors, meta } = parsed.parse(new Papa.Parser(this.config).parse(text, 0, more));
    this.rest = more ? text.slice(meta.cursor) : '';
    const faults = new Map(errors.map(({ row, code }) => [row, faultOf(code)]));
    const records: CsvRecord[] = [];
    for (const [index, fields] of data.entries()) {
      const last = fields.at(-1);
      // The parser ends a record at a line feed, so that files with both kinds of line ends are read.
      if (last?.endsWith('\r') === true) fields[fields.length - 1] = last.slice(0, -1);
      const { line } = this;
      this.line += 1;
      for (const field of fields) if (field.includes('\n')) this.line += field.split('\n').length - 1;
      const isBlank = fields.length === 1 && fields[0]?.trim() === '';
      const notUtf8 = this.takeNotUtf8(line);
      if (!isBlank) records.push({ line, fields, fault: faults.get(index), notUtf8 });
    }
    return records;
  }

  /** Of the record that begins on a line and ends before the next one. */
  private takeNotUtf8(line: number): number | undefined {
    const end = this.notUtf8.findIndex((number) => number >= this.line);
    return this.notUtf8.splice(0, end < 0 ? this.notUtf8.length : end).find((number) => number >= line);
  }
}

function faultOf(code: string): string {
  return code === 'MissingQuotes' ? 'begins a quoted field that never ends' : 'has a quote in the middle of a field';
}

function linesNotUtf8(lines: LineBlock): number[] {
  if (isUtf8(lines.bytes)) return [];
  return linesIn(lines).flatMap(({ number, isUtf8: isText }) => (isText ? [] : [number]));
}

function notText(row: number, line: number, file: string): UnreadableRow {
  const remedy = 'Save the file as UTF-8; Excel calls that "CSV UTF-8".';
  return new UnreadableRow('not-utf-8', `Line ${line} of ${file} is not UTF-8.`, { remedy, file, row });
}

/** A first column without a name is the numbering that pandas writes. */
function columnsOf(header: readonly string[], name: string): string[] {
  const columns = header.map((column, index) => column.trim() || `column ${index + 1}`);
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) throw sameName(twice, columns, name);
  return columns;
}

/** @param columns all of them, in their order */
export function sameName(column: string, columns: readonly string[], file: string): Failure {
  const places = columns.flatMap((other, index) => (other === column ? [index + 1] : []));
  return new Failure('DATASET_UNREADABLE', `${file} has several columns named "${column}": ${places.join(' and ')}.`, {
    remedy: 'Give each column a name of its own.',
    file,
  });
}

function named(columns: readonly string[], fields: readonly string[]): Record<string, string> {
  const row: Record<string, string> = {};
  for (const [index, column] of columns.entries()) row[column] = fields[index] ?? '';
  return row;
}

function otherLength(fields: readonly string[], columns: readonly string[]): string | undefined {
  if (fields.length === columns.length) return undefined;
  return `has ${fields.length} columns, where the header has ${columns.length}`;
}

function endless(row: number, file: string): Failure {
  const what = `begins a row of more than ${longestLine} characters; a quote that is not closed is the usual cause`;
  return wrongLine(row, what, file);
}

function tooLarge(row: number, last: number, file: string): UnreadableRow {
  const remedy = 'Remove the row, or write its parts as rows of their own.';
  if (row === last) {
    const what = `Line ${row} of ${file} is longer than ${longestLine} bytes.`;
    return new UnreadableRow('too-large', what, { remedy, file, row });
  }
  const what = `Lines ${row} to ${last} of ${file} are one row of more than ${longestLine} characters.`;
  return new UnreadableRow('too-large', what, { remedy: `Check its quotes. ${remedy}`, file, row });
}

function wrongLine(row: number, what: string, file: string): Failure {
  return new Failure('DATASET_ROW_INVALID', `Line ${row} of ${file} ${what}.`, {
    remedy: 'Put quotes around fields that hold the separator, a quote or a line end, and write a quote inside twice.',
    file,
    row,
  });
}
