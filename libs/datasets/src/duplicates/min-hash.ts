import { mixed, type WordHashes } from '../words/word.hashes.js';
import { ShingleSet } from './shingle.set.js';
import { eachShingle } from './shingles.js';

/** Numbers of a signature: the estimate of a similarity of 0.8 is off by 0.045 (standard deviation). */
export const signatureLength = 80;

// Any fixed odd numbers do, as long as they are the same on every machine. One of each for a round.
const factors = Int32Array.from({ length: 2 * signatureLength }, (_, index) => mixed(2 * index + 1) | 1);
const addends = Int32Array.from({ length: 2 * signatureLength }, (_, index) => mixed(2 * index + 2));

/**
 * Signatures of texts: the share of places in which two of them agree estimates the Jaccard similarity of the texts' shingles.
 * One byte of each minimum is kept: two different ones agree in it by chance once in 256 times.
 *
 * Fast Similarity Sketching (Dahlgaard, Knudsen and Thorup 2017, https://arxiv.org/abs/1704.04370): in each round a shingle
 * falls into one place and the least one there stays, until no place is empty. That estimates as well as MinHash with a
 * function for each place, and asks for some four hashes of a shingle instead of eighty.
 */
export class MinHasher {
  private readonly stock: ShingleSet;
  private shingles = new Int32Array(1024);
  private readonly least = new Uint32Array(signatureLength);
  /** The round in which a place was filled. */
  private readonly rounds = new Uint8Array(signatureLength);

  /** @param stock shingles that say nothing about a row */
  constructor(stock: Iterable<number> = []) {
    this.stock = new ShingleSet(stock);
  }

  /** Writes the signature of a text of any length into `signature`. */
  sign(tokens: WordHashes, signature: Uint8Array): void {
    const { stock, least } = this;
    let own = this.collect(tokens, (shingle) => !stock.has(shingle));
    // A row of nothing but stock phrases is told from others by those.
    if (own === 0) own = this.collect(tokens, () => true);
    this.fill(own);
    for (let place = 0; place < signatureLength; place += 1) signature[place] = mixed(least[place] ?? 0) & 0xff;
  }

  /** @param size how many shingles there are */
  private fill(size: number): void {
    const { shingles, least, rounds } = this;
    rounds.fill(0);
    least.fill(0xffff_ffff);
    let empty = size === 0 ? 0 : signatureLength;
    for (let round = 1; empty > 0; round += 1) {
      const factor = factors[round - 1] ?? 0;
      const addend = addends[round - 1] ?? 0;
      // What chance has left empty so long is filled one after the other.
      const only = round - 1 - signatureLength;
      for (let at = 0; at < size; at += 1) {
        const value = (Math.imul(shingles[at] ?? 0, factor) + addend) >>> 0;
        // The upper bits choose the place, in equal parts.
        const place = only < 0 ? ((value >>> 8) * signatureLength) >>> 24 : only;
        const filled = rounds[place] ?? 0;
        if (filled === 0) {
          rounds[place] = round;
          least[place] = value;
          empty -= 1;
        } else if (filled === round && value < (least[place] ?? 0)) least[place] = value;
      }
    }
  }

  private collect(tokens: WordHashes, isWanted: (shingle: number) => boolean): number {
    let size = 0;
    eachShingle(tokens, (shingle) => {
      if (!isWanted(shingle)) return;
      if (size === this.shingles.length) {
        const larger = new Int32Array(size * 2);
        larger.set(this.shingles);
        this.shingles = larger;
      }
      this.shingles[size] = shingle;
      size += 1;
    });
    return size;
  }
}
