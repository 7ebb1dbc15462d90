import { mixed } from '../words/word.hashes.js';
import { eachShingle } from './shingles.js';

/** Numbers of a signature: the estimate of a similarity of 0.8 is off by 0.045 (standard deviation). */
export const signatureLength = 80;

// Any fixed odd numbers do, as long as they are the same on every machine.
const factors = Uint32Array.from({ length: signatureLength }, (_, index) => mixed(2 * index + 1) | 1);
const addends = Uint32Array.from({ length: signatureLength }, (_, index) => mixed(2 * index + 2));

/**
 * MinHash signatures of texts (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900): the share of places in which two
 * of them agree estimates the Jaccard similarity of the texts' shingles. One byte of each minimum is kept: two different
 * ones agree in it by chance once in 256 times.
 */
export class MinHasher {
  private readonly stock: ReadonlySet<number>;
  private shingles = new Uint32Array(1024);

  /** @param stock shingles that say nothing about a row */
  constructor(stock: Iterable<number> = []) {
    this.stock = new Set(stock);
  }

  /** Writes the signature of a text of any length into `signature`. */
  sign(text: string, signature: Uint8Array): void {
    const { stock } = this;
    let own = this.collect(text, (shingle) => !stock.has(shingle));
    // A row of nothing but stock phrases is told from others by those.
    if (own === 0) own = this.collect(text, () => true);
    const { shingles } = this;
    // One number of the signature after the other: its least value stays in a register.
    for (let place = 0; place < signatureLength; place += 1) {
      const factor = factors[place] ?? 0;
      const addend = addends[place] ?? 0;
      let least = 0xffff_ffff;
      for (let at = 0; at < own; at += 1) {
        const value = (Math.imul(shingles[at] ?? 0, factor) + addend) >>> 0;
        if (value < least) least = value;
      }
      signature[place] = mixed(least) & 0xff;
    }
  }

  private collect(text: string, isWanted: (shingle: number) => boolean): number {
    let size = 0;
    eachShingle(text, (shingle) => {
      if (!isWanted(shingle)) return;
      if (size === this.shingles.length) {
        const larger = new Uint32Array(size * 2);
        larger.set(this.shingles);
        this.shingles = larger;
      }
      this.shingles[size] = shingle;
      size += 1;
    });
    return size;
  }
}
