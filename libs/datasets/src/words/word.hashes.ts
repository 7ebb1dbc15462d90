/** Two independent hashes of each word of a text, in order. The buffers are used again for the next text. */
export interface WordHashes {
  readonly length: number;
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/** FNV-1a, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv, and the same with another start and prime. */
const firstStart = 0x811c9dc5;
const firstPrime = 0x01000193;
const secondStart = 0x9e3779b1;
const secondPrime = 0x85ebca6b;

const wordCharacter = /[\p{L}\p{N}]/u;
// What a code unit is: 0 not looked up yet, 1 part of a word, 2 another sign, 3 blank.
const kinds = new Uint8Array(65_536);

function kindOf(code: number): number {
  const known = kinds[code] ?? 0;
  if (known !== 0) return known;
  const character = String.fromCharCode(code);
  // Half of a surrogate pair: letters of rare scripts and emoji alike.
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  const kind = surrogate || wordCharacter.test(character) ? 1 : character.trim() === '' ? 3 : 2;
  kinds[code] = kind;
  return kind;
}

/** Splits texts into lower-case words and numbers, and hashes them. */
export class WordHasher {
  private first = new Uint32Array(1024);
  private second = new Uint32Array(1024);

  /** @param withSigns counts each sign as a word of its own, so that "3 + 1" and "3 - 1" differ */
  constructor(private readonly withSigns: boolean) {}

  /** The result is good until the next call. */
  hash(text: string): WordHashes {
    const lower = text.toLowerCase();
    let length = 0;
    let inWord = false;
    let a = firstStart;
    let b = secondStart;
    for (let at = 0; at < lower.length; at += 1) {
      const code = lower.charCodeAt(at);
      const kind = kindOf(code);
      if (kind === 1) {
        a = Math.imul(a ^ code, firstPrime);
        b = Math.imul(b ^ code, secondPrime);
        inWord = true;
        continue;
      }
      if (inWord) length = this.add(length, a, b);
      inWord = false;
      if (kind === 2 && this.withSigns) {
        length = this.add(length, Math.imul(firstStart ^ code, firstPrime), Math.imul(secondStart ^ code, secondPrime));
      }
      a = firstStart;
      b = secondStart;
    }
    if (inWord) length = this.add(length, a, b);
    return { length, first: this.first, second: this.second };
  }

  private add(length: number, a: number, b: number): number {
    if (length === this.first.length) {
      this.first = doubled(this.first);
      this.second = doubled(this.second);
    }
    this.first[length] = mixed(a);
    this.second[length] = mixed(b);
    return length + 1;
  }
}

/** The last step of MurmurHash3: every bit of the input changes half of the result. https://github.com/aappleby/smhasher */
export function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function doubled(from: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(from.length * 2);
  to.set(from);
  return to;
}
