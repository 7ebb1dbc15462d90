import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';

/** Bytes of a line at most; a file without line ends must not end up in memory as a whole. */
export const longestLine = 16 * 1024 * 1024;

const lineFeed = 0x0a;

export interface TextLine {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** When false, `text` has U+FFFD in place of what cannot be read. */
  readonly isUtf8: boolean;
}

/**
 * Lines of a UTF-8 file, ended by LF or CR LF, without a byte order mark; lines of white space are passed over. Not with
 * `readline`: that also ends lines at U+2028 and U+2029, which may stand inside a JSON string.
 *
 * @param source path of the file, or its bytes
 * @param tooLong what to throw when a line has more than `longestLine` bytes
 */
export async function* readTextLines(
  source: string | AsyncIterable<Buffer>,
  tooLong: (line: number) => Error,
): AsyncIterable<TextLine> {
  let number = 0;
  for await (const line of linesOf(source, tooLong)) {
    number += 1;
    const whole = line.toString('utf8');
    const text = (number === 1 ? whole.replace(/^\uFEFF/, '') : whole).replace(/\r$/, '');
    if (text.trim() !== '') yield { number, text, isUtf8: isUtf8(line) };
  }
}

async function* linesOf(
  source: string | AsyncIterable<Buffer>,
  tooLong: (line: number) => Error,
): AsyncIterable<Buffer> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 1;
  const chunks: AsyncIterable<Buffer> =
    typeof source === 'string' ? createReadStream(source, { highWaterMark: 1024 * 1024 }) : source;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      if (restBytes + end - from > longestLine) throw tooLong(number);
      yield Buffer.concat([...rest, chunk.subarray(from, end)]);
      [rest, restBytes] = [[], 0];
      from = end + 1;
      number += 1;
    }
    if (from === chunk.length) continue;
    rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (restBytes > longestLine) throw tooLong(number);
  }
  if (restBytes > 0) yield Buffer.concat(rest);
}
