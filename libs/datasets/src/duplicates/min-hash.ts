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
  private readonly least = new Uint32Array(signatureLength);
  private readonly stock: ReadonlySet<number>;

  /** @param stock shingles that say nothing about a row */
  constructor(stock: Iterable<number> = []) {
    this.stock = new Set(stock);
  }

  /** Writes the signature of a text of any length into `signature`. */
  sign(text: string, signature: Uint8Array): void {
    this.least.fill(0xffff_ffff);
    let own = 0;
    eachShingle(text, (shingle) => {
      if (this.stock.has(shingle)) return;
      own += 1;
      this.take(shingle);
    });
    // A row of nothing but stock phrases is told from others by those.
    if (own === 0) eachShingle(text, (shingle) => this.take(shingle));
    for (let place = 0; place < signatureLength; place += 1) signature[place] = mixed(this.least[place] ?? 0) & 0xff;
  }

  private take(shingle: number): void {
    const { least } = this;
    for (let place = 0; place < signatureLength; place += 1) {
      const value = (Math.imul(shingle, factors[place] ?? 0) + (addends[place] ?? 0)) >>> 0;
      if (value < (least[place] ?? 0)) least[place] = value;
    }
  }
}
