const quote = 0x22;
const backslash = 0x5c;
const [openBrace, closeBrace, openBracket, closeBracket, comma] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c];
const space = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** What an object or a list in the list of rows begins with, and what ends that list. */
const beginsOrEnds = new Set([openBrace, openBracket, closeBracket]);
const byteOrderMark = [0xef, 0xbb, 0xbf];
/** Names under which an object keeps its rows. */
const listNames = new Set(['data', 'rows']);

/** Why a document cannot be cut into rows. */
export type JsonStop = 'no-list' | 'trailing';

/**
 * Cuts a JSON document into the elements of its list of rows, chunk by chunk, and keeps no more than one of them: a parser
 * would hold the whole document. The list is the document, or stands in it as `data` or `rows`. What is inside an element
 * is for `JSON.parse` to judge.
 */
export class JsonElements {
  /** What ended the reading early. */
  stopped: JsonStop | undefined;
  private depth = 0;
  /** At which depth the elements of the list stand; known once the list begins. */
  private listDepth: number | undefined;
  private finished = false;
  private inString = false;
  /** Whether a text or a number stands where an object should. */
  private inScalar = false;
  /** Whether the last chunk ended within an escape. */
  private escaped = false;
  /** Bytes of the element or of the key that is open at the end of a chunk. */
  private open: Buffer[] = [];
  private openBytes = 0;
  /** Whether an element or a key is open there; nothing of it may have come yet. */
  private keeping = false;
  /** Where what is kept begins in this chunk; -1 when nothing is. */
  private from = -1;
  private key = '';
  private atStart = true;

  /** @param longest bytes of an element at most; of a longer one nothing is kept */
  constructor(private readonly longest: number) {}

  /** Whether the document has ended. */
  get complete(): boolean {
    return this.finished && this.depth === 0;
  }

  /** The elements that end in this chunk, as text; nothing in place of one that is too long. */
  push(chunk: Buffer): (Buffer | undefined)[] {
    const elements: (Buffer | undefined)[] = [];
    let at = this.atStart && byteOrderMark.every((byte, index) => chunk[index] === byte) ? 3 : 0;
    this.atStart = false;
    this.from = this.keeping ? 0 : -1;
    for (; at < chunk.length && !this.stopped; at += 1) {
      if (this.inString) {
        at = this.endOfString(chunk, at);
        continue;
      }
      this.step(chunk, at, elements);
    }
    this.keeping = this.from >= 0;
    if (this.keeping) this.keep(chunk.subarray(this.from));
    return elements;
  }

  private step(chunk: Buffer, at: number, elements: (Buffer | undefined)[]): void {
    const byte = chunk[at] ?? 0;
    const inList = this.listDepth !== undefined && !this.finished && this.depth === this.listDepth;
    if (this.inScalar && inList && (byte === comma || byte === closeBracket)) {
      elements.push(this.take(chunk, at));
      this.inScalar = false;
    }
    if (space.has(byte) || (inList && byte === comma)) return;
    if (this.depth === 0 && (this.finished || (byte !== openBrace && byte !== openBracket))) {
      this.stopped = this.finished ? 'trailing' : 'no-list';
    } else if (inList && !beginsOrEnds.has(byte)) {
      if (!this.inScalar) this.from = at;
      this.inScalar = true;
      this.inString = byte === quote;
    } else if (byte === quote) {
      this.inString = true;
      if (this.depth === 1 && this.listDepth === undefined) this.from = at + 1;
    } else if (byte === openBrace || byte === openBracket) {
      if (byte === openBracket && this.listDepth === undefined && this.beginsList()) this.listDepth = this.depth + 1;
      if (inList && !this.inScalar) this.from = at;
      this.depth += 1;
    } else if (byte === closeBrace || byte === closeBracket) {
      this.depth -= 1;
      if (this.listDepth !== undefined && !this.finished) {
        if (this.depth === this.listDepth) {
          if (!this.inScalar) elements.push(this.take(chunk, at + 1));
        } else if (this.depth < this.listDepth) this.finished = true;
      } else if (this.depth === 0 && !this.finished) this.stopped = 'no-list';
    }
  }

  private beginsList(): boolean {
    return this.depth === 0 || (this.depth === 1 && listNames.has(this.key));
  }

  /** Goes to the quote that ends a string, or to the end of the chunk. */
  private endOfString(chunk: Buffer, start: number): number {
    let at = start;
    if (this.escaped) {
      this.escaped = false;
      at += 1;
    }
    for (;;) {
      const end = chunk.indexOf(quote, at);
      const stop = end < 0 ? chunk.length : end;
      let slashes = 0;
      while (stop - slashes > at && chunk[stop - slashes - 1] === backslash) slashes += 1;
      if (end < 0) {
        this.escaped = slashes % 2 === 1;
        return chunk.length;
      }
      if (slashes % 2 === 1) {
        at = end + 1;
        continue;
      }
      this.inString = false;
      if (this.depth === 1 && this.listDepth === undefined) this.key = this.take(chunk, end)?.toString('utf8') ?? '';
      return end;
    }
  }

  private keep(bytes: Buffer): void {
    this.openBytes += bytes.length;
    if (this.openBytes > this.longest) this.open = [];
    else this.open.push(Buffer.from(bytes));
  }

  private take(chunk: Buffer, end: number): Buffer | undefined {
    const last = chunk.subarray(Math.max(this.from, 0), end);
    const fits = this.openBytes + last.length <= this.longest;
    const bytes = fits ? Buffer.concat([...this.open, last]) : undefined;
    this.open = [];
    this.openBytes = 0;
    this.from = -1;
    return bytes;
  }
}
