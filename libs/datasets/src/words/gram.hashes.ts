import type { WordHashes } from './word.hashes.js';

const firstBase = 0x01000193;
const secondBase = 0x9e3779b1 | 0;

/**
 * Hands every run of `words` words to a visitor, as two signed 32-bit hashes that together tell runs apart. Rolling: each
 * step costs the same however long the runs are (Rabin-Karp, modulo 2^32).
 */
export function eachGram(
  { length, first, second }: WordHashes,
  words: number,
  visit: (first: number, second: number) => void,
): void {
  if (length < words) return;
  const firstTop = power(firstBase, words - 1);
  const secondTop = power(secondBase, words - 1);
  let a = 0;
  let b = 0;
  for (let at = 0; at < length; at += 1) {
    if (at >= words) {
      a = (a - Math.imul(first[at - words] ?? 0, firstTop)) | 0;
      b = (b - Math.imul(second[at - words] ?? 0, secondTop)) | 0;
    }
    a = (Math.imul(a, firstBase) + (first[at] ?? 0)) | 0;
    b = (Math.imul(b, secondBase) + (second[at] ?? 0)) | 0;
    if (at >= words - 1) visit(a, b);
  }
}

function power(base: number, exponent: number): number {
  let result = 1;
  for (let step = 0; step < exponent; step += 1) result = Math.imul(result, base);
  return result;
}
