import { mixed } from '../words/word.hashes.js';
import { signatureLength } from './min-hash.js';

const empty = 0xffff_ffff;
const firstCapacity = 4096;

export interface NearRow {
  /** Place of the earlier row in the index. */
  readonly place: number;
  readonly similarity: number;
}

/**
 * Rows by their MinHash signatures, in bands (locality-sensitive hashing): rows that are alike agree in a whole band, most
 * likely, and only those are compared. A row takes 80 bytes for its signature and about 90 for its bands.
 */
export class NearIndex {
  private signatures = new Uint8Array(firstCapacity * signatureLength);
  private readonly bands: Uint32Array[];
  private readonly rowsOfBand: number;
  private size = 0;

  /** @param threshold similarity from which rows are near duplicates, from 0.5 to below 1 */
  constructor(private readonly threshold: number) {
    this.rowsOfBand = rowsOfBand(threshold);
    const bands = Math.floor(signatureLength / this.rowsOfBand);
    this.bands = Array.from({ length: bands }, () => new Uint32Array(firstCapacity * 2).fill(empty));
  }

  /** The earlier row that a signature is nearest to, when it is near enough. */
  find(signature: Uint8Array): NearRow | undefined {
    let best: NearRow | undefined;
    this.bands.forEach((band, number) => {
      const mask = band.length - 1;
      for (let cell = this.keyOf(signature, 0, number) & mask; band[cell] !== empty; cell = (cell + 1) & mask) {
        const place = band[cell] ?? 0;
        if (best?.place === place || !this.agrees(signature, place, number)) continue;
        const similarity = this.similarity(signature, place);
        if (similarity >= this.threshold && isBetter({ place, similarity }, best)) best = { place, similarity };
      }
    });
    return best;
  }

  /** Keeps a row; its place counts from 0. */
  add(signature: Uint8Array): number {
    const place = this.size;
    this.size += 1;
    if (this.size * signatureLength > this.signatures.length) this.grow();
    this.signatures.set(signature, place * signatureLength);
    this.bands.forEach((band, number) => this.put(band, number, place));
    return place;
  }

  private put(band: Uint32Array, number: number, place: number): void {
    const mask = band.length - 1;
    let cell = this.keyOf(this.signatures, place * signatureLength, number) & mask;
    while (band[cell] !== empty) {
      // One row stands for all that agree with it in this band: stock texts would make every search as long as the set.
      if (this.agreesWithin(band[cell] ?? 0, place, number)) return;
      cell = (cell + 1) & mask;
    }
    band[cell] = place;
  }

  private grow(): void {
    const signatures = new Uint8Array(this.signatures.length * 2);
    signatures.set(this.signatures);
    this.signatures = signatures;
    const cells = (signatures.length / signatureLength) * 2;
    for (const [number, band] of this.bands.entries()) {
      const larger = new Uint32Array(cells).fill(empty);
      this.bands[number] = larger;
      for (const place of band) if (place !== empty) this.put(larger, number, place);
    }
  }

  private keyOf(signature: Uint8Array, from: number, band: number): number {
    let key = band + 1;
    const start = from + band * this.rowsOfBand;
    for (let at = start; at < start + this.rowsOfBand; at += 1) key = Math.imul(key, 0x01000193) ^ (signature[at] ?? 0);
    return mixed(key);
  }

  private agrees(signature: Uint8Array, place: number, band: number): boolean {
    const start = band * this.rowsOfBand;
    for (let at = start; at < start + this.rowsOfBand; at += 1) {
      if (signature[at] !== this.signatures[place * signatureLength + at]) return false;
    }
    return true;
  }

  private agreesWithin(one: number, other: number, band: number): boolean {
    const from = other * signatureLength;
    return this.agrees(this.signatures.subarray(from, from + signatureLength), one, band);
  }

  private similarity(signature: Uint8Array, place: number): number {
    let same = 0;
    for (let at = 0; at < signatureLength; at += 1) {
      if (signature[at] === this.signatures[place * signatureLength + at]) same += 1;
    }
    return same / signatureLength;
  }
}

function isBetter(one: NearRow, other: NearRow | undefined): boolean {
  if (!other) return true;
  return one.similarity > other.similarity || (one.similarity === other.similarity && one.place < other.place);
}

/**
 * Bands of many numbers find few pairs that are not alike, bands of few find more of those that are. Each of these finds at
 * least 95 of 100 pairs right at its threshold: 1 - (1 - s^r)^b.
 */
function rowsOfBand(threshold: number): number {
  if (threshold >= 0.85) return 8;
  if (threshold >= 0.8) return 6;
  if (threshold >= 0.7) return 5;
  return 3;
}
