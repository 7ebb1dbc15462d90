import { eachGram } from '../words/gram.hashes.js';
import { mixed, type WordHashes } from '../words/word.hashes.js';

/** Words of a shingle. Signs count, so that formulas which differ in one sign differ here. */
const shingleWords = 5;
/** A shingle in more rows than this share, and in more than two, is part of a prompt that many rows begin with. */
const stockShare = 0.05;
const fewRows = 2;

/** Hands every shingle of a text to a visitor, as a signed 32-bit number; a short text is one shingle. */
export function eachShingle(tokens: WordHashes, visit: (shingle: number) => void): void {
  eachGram(tokens, Math.max(1, Math.min(shingleWords, tokens.length)), (first, second) => {
    visit(mixed(first ^ Math.imul(second, 0x9e3779b1)));
  });
}

/** The shingles that many of some rows share. Rows that begin with the same long instruction are not alike because of it. */
export class StockShingles {
  private readonly rows = new Map<number, number>();
  private size = 0;

  /** @param tokens of one of the first rows */
  add(tokens: WordHashes): void {
    this.size += 1;
    const ofRow = new Set<number>();
    eachShingle(tokens, (shingle) => ofRow.add(shingle));
    for (const shingle of ofRow) this.rows.set(shingle, (this.rows.get(shingle) ?? 0) + 1);
  }

  get list(): Int32Array {
    const most = Math.max(fewRows, stockShare * this.size);
    return Int32Array.from([...this.rows].filter(([, count]) => count > most).map(([shingle]) => shingle));
  }
}
