import { eachGram } from '../words/gram.hashes.js';
import { mixed, WordHasher } from '../words/word.hashes.js';

/** Words of a shingle. Signs count, so that formulas which differ in one sign differ here. */
const shingleWords = 5;

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
  private readonly hasher = new WordHasher(true);
  private readonly least = new Uint32Array(signatureLength);

  /** Writes the signature of a text of any length into `signature`. */
  sign(text: string, signature: Uint8Array): void {
    const { least } = this;
    least.fill(0xffff_ffff);
    const hashes = this.hasher.hash(text);
    eachGram(hashes, Math.max(1, Math.min(shingleWords, hashes.length)), (first, second) => {
      const shingle = mixed(first ^ Math.imul(second, 0x9e3779b1));
      for (let place = 0; place < signatureLength; place += 1) {
        const value = (Math.imul(shingle, factors[place] ?? 0) + (addends[place] ?? 0)) >>> 0;
        if (value < (least[place] ?? 0)) least[place] = value;
      }
    });
    for (let place = 0; place < signatureLength; place += 1) signature[place] = mixed(least[place] ?? 0) & 0xff;
  }
}
