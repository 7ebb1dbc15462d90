import { eachGram } from '../words/gram.hashes.js';
import { mixed, WordHasher } from '../words/word.hashes.js';

/** Words of a shingle. Signs count, so that formulas which differ in one sign differ here. */
const shingleWords = 5;
/** A shingle in more rows than this share, and in more than two, is part of a prompt that many rows begin with. */
const stockShare = 0.05;
const fewRows = 2;

const hasher = new WordHasher(true);

/** Hands every shingle of a text to a visitor; a short text is one shingle. */
export function eachShingle(text: string, visit: (shingle: number) => void): void {
  const hashes = hasher.hash(text);
  eachGram(hashes, Math.max(1, Math.min(shingleWords, hashes.length)), (first, second) => {
    visit(mixed(first ^ Math.imul(second, 0x9e3779b1)));
  });
}

/**
 * The shingles that many of some rows share. Rows that begin with the same long instruction are not alike because of it.
 *
 * @param texts of the first rows
 */
export function stockShingles(texts: readonly string[]): Uint32Array {
  const rows = new Map<number, number>();
  for (const text of texts) {
    const ofText = new Set<number>();
    eachShingle(text, (shingle) => ofText.add(shingle));
    for (const shingle of ofText) rows.set(shingle, (rows.get(shingle) ?? 0) + 1);
  }
  const most = Math.max(fewRows, stockShare * texts.length);
  return Uint32Array.from([...rows].filter(([, count]) => count > most).map(([shingle]) => shingle));
}
