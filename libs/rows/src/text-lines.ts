import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';

/** Bytes of a line at most; a file without line ends must not end up in memory as a whole. */
export const longestLine = 16 * 1024 * 1024;

const lineFeed = 0x0a;
const quote = 0x22;
const carriageReturn = '\r';

export interface TextLine {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** When false, `text` has U+FFFD in place of what cannot be read. */
  readonly isUtf8: boolean;
  /** A line of more than `longestLine` bytes, of which nothing was kept. */
  readonly isTooLong?: true;
}

/** Whole lines that came together. */
export interface LineBlock {
  /** Without the last line feed. */
  readonly bytes: Buffer;
  /** Of its first line, counted from 1. */
  readonly number: number;
  /** Stands for one line of more than `longestLine` bytes. */
  readonly isTooLong?: true;
  /** How many quotes that line has: an odd number leaves a field of CSV open behind it. */
  readonly quotes?: number;
}

/** What to throw at a line of more than `longestLine` bytes; when left out, the line is passed over, and said to be so. */
type TooLong = (line: number) => Error;

/**
 * Lines of a UTF-8 file, ended by LF or CR LF, without a byte order mark; lines of white space are passed over. Not with
 * `readline`: that also ends lines at U+2028 and U+2029, which may stand inside a JSON string.
 *
 * @param source path of the file, or its bytes
 */
export async function* readTextLines(
  source: string | AsyncIterable<Buffer>,
  tooLong?: TooLong,
): AsyncIterable<TextLine> {
  const chunks: AsyncIterable<Buffer> =
    typeof source === 'string' ? createReadStream(source, { highWaterMark: 1024 * 1024 }) : source;
  for await (const lines of readLineBatches(chunks, tooLong)) yield* lines;
}

/** The same, as many lines at once as came together: a step of an asynchronous iterator costs more than a short line. */
export async function* readLineBatches(
  chunks: AsyncIterable<Buffer>,
  tooLong?: TooLong,
): AsyncIterable<readonly TextLine[]> {
  for await (const block of readLineBlocks(chunks, tooLong)) {
    const lines = linesIn(block);
    if (lines.length > 0) yield lines;
  }
}

/** Cuts bytes after line feeds, where no character is cut either. */
export async function* readLineBlocks(chunks: AsyncIterable<Buffer>, tooLong?: TooLong): AsyncIterable<LineBlock> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 1;
  let passingOver = false;
  let quotes = 0;
  for await (const read of chunks) {
    let chunk = read;
    let first = chunk.indexOf(lineFeed);
    if (!passingOver && restBytes + (first < 0 ? chunk.length : first) > longestLine) {
      if (tooLong) throw tooLong(number);
      quotes = rest.reduce((sum, bytes) => sum + countOf(quote, bytes), 0);
      [rest, restBytes, passingOver] = [[], 0, true];
    }
    if (passingOver) {
      quotes += countOf(quote, first < 0 ? chunk : chunk.subarray(0, first));
      if (first < 0) continue;
      yield { bytes: Buffer.alloc(0), number, isTooLong: true, quotes };
      number += 1;
      passingOver = false;
      chunk = chunk.subarray(first + 1);
      first = chunk.indexOf(lineFeed);
    }
    if (first < 0) {
      rest.push(chunk);
      restBytes += chunk.length;
      continue;
    }
    const last = chunk.lastIndexOf(lineFeed);
    const bytes = Buffer.concat([...rest, chunk.subarray(0, last)]);
    yield { bytes, number };
    number += countOf(lineFeed, bytes) + 1;
    rest = last + 1 < chunk.length ? [chunk.subarray(last + 1)] : [];
    restBytes = chunk.length - last - 1;
  }
  if (passingOver) yield { bytes: Buffer.alloc(0), number, isTooLong: true, quotes };
  if (restBytes > 0) yield { bytes: Buffer.concat(rest), number };
}

/** The lines of a block; a block that is not UTF-8 is looked at line by line, to say which ones are not. */
export function linesIn({ bytes, number, isTooLong }: LineBlock): TextLine[] {
  if (isTooLong) return [{ number, text: '', isUtf8: true, isTooLong }];
  const whole = isUtf8(bytes);
  const texts = whole ? bytes.toString('utf8').split('\n') : [];
  if (!whole) {
    let from = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
      texts.push(bytes.toString('latin1', from, end));
      from = end + 1;
    }
    texts.push(bytes.toString('latin1', from));
  }
  const lines: TextLine[] = [];
  for (const [index, found] of texts.entries()) {
    const own = whole ? undefined : Buffer.from(found, 'latin1');
    let text = own ? own.toString('utf8') : found;
    if (number + index === 1 && text.startsWith('\uFEFF')) text = text.slice(1);
    if (text.endsWith(carriageReturn)) text = text.slice(0, -1);
    if (text.trim() !== '') lines.push({ number: number + index, text, isUtf8: own ? isUtf8(own) : true });
  }
  return lines;
}

function countOf(byte: number, bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
}
