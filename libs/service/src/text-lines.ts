import { createReadStream } from 'node:fs';

/** Characters of a line at most; a file without line ends must not end up in memory as a whole. */
export const longestLine = 16 * 1024 * 1024;

export interface TextLine {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
}

/**
 * Lines of a UTF-8 file, ended by LF or CR LF, without a byte order mark; lines of white space are passed over. Not with
 * `readline`: that also ends lines at U+2028 and U+2029, which may stand inside a JSON string.
 *
 * @param tooLong what to throw when a line has more than `longestLine` characters
 */
export async function* readTextLines(path: string, tooLong: (line: number) => Error): AsyncIterable<TextLine> {
  let number = 0;
  for await (const line of linesOf(path, tooLong)) {
    number += 1;
    const text = (number === 1 ? line.replace(/^\uFEFF/, '') : line).replace(/\r$/, '');
    if (text.trim() !== '') yield { number, text };
  }
}

async function* linesOf(path: string, tooLong: (line: number) => Error): AsyncIterable<string> {
  let rest = '';
  let number = 1;
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1024 * 1024 })) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    number += lines.length;
    if (rest.length > longestLine) throw tooLong(number);
  }
  if (rest !== '') yield rest;
}
