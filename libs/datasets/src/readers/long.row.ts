import type { LineBlock } from '@anneal/rows';

const lineFeed = 0x0a;
const quote = 0x22;

/**
 * A row of CSV that is too long to be kept, on the way to its end. That is the first line end outside of quotes; a quote
 * that is written twice goes out and in again, and changes nothing.
 */
export class LongRow {
  /** @param line on which it begins */
  constructor(
    readonly line: number,
    private isQuoted: boolean,
  ) {}

  /** Takes what comes next of it, and gives the lines behind its end; nothing when it goes on. */
  take({ bytes, number, isTooLong, quotes = 0 }: LineBlock): LineBlock | undefined {
    if (isTooLong && quotes % 2 === 1) this.isQuoted = !this.isQuoted;
    let line = number;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === quote) this.isQuoted = !this.isQuoted;
      if (byte !== lineFeed) continue;
      line += 1;
      if (!this.isQuoted) return { bytes: bytes.subarray(at + 1), number: line };
    }
    return this.isQuoted ? undefined : { bytes: Buffer.alloc(0), number: line + 1 };
  }
}
