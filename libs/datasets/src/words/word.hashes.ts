/** FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv, and the same with another start and prime. */
const firstStart = 0x811c9dc5 | 0;
const firstPrime = 0x01000193;
const secondStart = 0x9e3779b1 | 0;
const secondPrime = 0x85ebca6b | 0;

const wordCharacter = /[\p{L}\p{N}]/u;
// What a code unit is: 0 not looked up yet, 1 part of a word, 2 another sign, 3 blank.
const kinds = new Uint8Array(65_536);

/** Two independent hashes of each of some words, in order. The memory is used again after `clear`. */
export class WordHashes {
  length = 0;
  first = new Int32Array(1024);
  second = new Int32Array(1024);

  clear(): void {
    this.length = 0;
  }

  add(first: number, second: number): void {
    const at = this.length;
    if (at === this.first.length) {
      this.first = doubled(this.first);
      this.second = doubled(this.second);
    }
    this.first[at] = first;
    this.second[at] = second;
    this.length = at + 1;
  }
}

/**
 * Splits a text into lower-case words and numbers, and adds their hashes to `words`; to `tokens` it adds the same with each
 * sign as a word of its own, so that "3 + 1" and "3 - 1" differ.
 */
export function hashWords(text: string, words: WordHashes, tokens: WordHashes): void {
  const lower = text.toLowerCase();
  const { length } = lower;
  for (let at = 0; at < length; at += 1) {
    const code = lower.charCodeAt(at);
    const kind = kindOf(code);
    if (kind === 1) {
      let first = Math.imul(firstStart ^ code, firstPrime);
      let second = Math.imul(secondStart ^ code, secondPrime);
      for (at += 1; at < length; at += 1) {
        const next = lower.charCodeAt(at);
        if (kindOf(next) !== 1) break;
        first = Math.imul(first ^ next, firstPrime);
        second = Math.imul(second ^ next, secondPrime);
      }
      // The sign or blank that ended the word is looked at next.
      at -= 1;
      [first, second] = [mixed(first), mixed(second)];
      words.add(first, second);
      tokens.add(first, second);
    } else if (kind === 2) {
      tokens.add(mixed(Math.imul(firstStart ^ code, firstPrime)), mixed(Math.imul(secondStart ^ code, secondPrime)));
    }
  }
}

function kindOf(code: number): number {
  const known = kinds[code] ?? 0;
  return known === 0 ? lookUp(code) : known;
}

function lookUp(code: number): number {
  const character = String.fromCharCode(code);
  // Half of a surrogate pair: letters of rare scripts and emoji alike.
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  const kind = surrogate || wordCharacter.test(character) ? 1 : character.trim() === '' ? 3 : 2;
  kinds[code] = kind;
  return kind;
}

/**
 * The last step of MurmurHash3: every bit of the input changes half of the result. https://github.com/aappleby/smhasher
 *
 * @returns a signed number, for which the engine needs no memory
 */
export function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function doubled(from: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const to = new Int32Array(from.length * 2);
  to.set(from);
  return to;
}
