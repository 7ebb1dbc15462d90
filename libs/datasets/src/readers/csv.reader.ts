import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { Failure } from '@anneal/contracts';
import { linesIn, longestLine, readLineBlocks, tooLong, type SourceRow } from '@anneal/rows';
import { CsvError, parse } from 'csv-parse';
import { delimiterOf } from './delimiter.js';
import type { RowBatches } from './row.batch.js';

/** A record and the line on which it begins. */
interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
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
    for (const { line, fields } of records) {
      if (!columns) columns = columnsOf(fields, name);
      else if (fields.length === columns.length)
        rows.push({ number: line, unit: 'line', columns: named(columns, fields) });
      else problems.push(otherLength(line, fields.length, columns.length, name));
    }
    if (rows.length > 0 || problems.length > 0) yield { rows, problems };
  }
}

async function* recordsOf(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<readonly CsvRecord[]> {
  let records: CsvRecord[] = [];
  const taken = (): readonly CsvRecord[] => {
    const taken = records;
    records = [];
    return taken;
  };
  const parserFor = (delimiter: string) =>
    parse({
      bom: true,
      delimiter,
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: longestLine,
      // Taken here and not pushed on: one by one they would cost a step of the stream each.
      on_record: (fields: string[], { lines }) => {
        const inside = fields.reduce(
          (count, field) => count + (field.includes('\n') ? field.split('\n').length - 1 : 0),
          0,
        );
        records.push({ line: lines - inside, fields });
        return null;
      },
    });
  let parser: ReturnType<typeof parserFor> | undefined;
  let broken: Error | undefined;
  try {
    for await (const { bytes: block, number } of readLineBlocks(bytes, (line) => tooLong(line, name))) {
      requireUtf8(block, number, name);
      if (!parser) {
        parser = parserFor(delimiterOf(block.toString('utf8')));
        parser.on('error', (error) => (broken = error));
        parser.resume();
      }
      await written(parser, Buffer.concat([block, Buffer.from('\n')]));
      if (broken) break;
      yield taken();
    }
    if (parser && !broken) {
      parser.end();
      if (!parser.readableEnded) await once(parser, 'end').catch((error: unknown) => (broken = error as Error));
    }
  } finally {
    parser?.destroy();
  }
  yield taken();
  if (broken) throw csvFailure(broken, name);
}

/** Resolves when all of the bytes are parsed, also when they cannot be: the parser says so by its own event. */
function written(parser: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => parser.write(bytes, () => resolve()));
}

function requireUtf8(bytes: Buffer, number: number, name: string): void {
  const bad = linesIn({ bytes, number }).find(({ isUtf8 }) => !isUtf8);
  if (!bad) return;
  throw new Failure('DATASET_ROW_INVALID', `Line ${bad.number} of ${name} is not UTF-8.`, {
    remedy: 'Save the file as UTF-8; Excel calls that "CSV UTF-8".',
    file: name,
    row: bad.number,
  });
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

function otherLength(line: number, fields: number, columns: number, file: string): Failure {
  const message = `Line ${line} of ${file} has ${fields} columns, where the header has ${columns}.`;
  return new Failure('DATASET_ROW_INVALID', message, {
    remedy: 'Put quotes around fields that hold the separator or a line end.',
    file,
    row: line,
  });
}

function csvFailure(error: Error, file: string): Failure {
  const line = error instanceof CsvError && typeof error['lines'] === 'number' ? error['lines'] : undefined;
  const where = line === undefined ? file : `Line ${line} of ${file}`;
  const code = error instanceof CsvError ? error.code : '';
  const what =
    code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'begins a quoted field that never ends'
      : code === 'CSV_MAX_RECORD_SIZE'
        ? `belongs to a row of more than ${longestLine} characters; a quote that is not closed is the usual cause`
        : code === 'CSV_INVALID_CLOSING_QUOTE' || code === 'INVALID_OPENING_QUOTE'
          ? 'has a quote in the middle of a field'
          : `cannot be read: ${error.message}`;
  return new Failure('DATASET_ROW_INVALID', `${where} ${what}.`, {
    remedy: 'Put quotes around the whole field, and write a quote inside it twice.',
    file,
    cause: error,
    ...(line === undefined ? {} : { row: line }),
  });
}
