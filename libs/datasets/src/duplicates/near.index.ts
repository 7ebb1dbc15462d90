import { mixed } from '../words/word.hashes.js';
import { signatureLength } from './min-hash.js';

const empty = 0xffff_ffff;
const firstCells = 8192;
const mostFilled = 0.75;
/** Tables of more cells grow by less than double: what was there before and what comes after are in memory together. */
const fewCells = 2 ** 20;
const growth = 1.25;
/** Signatures lie in blocks of so many rows, so that none is ever copied to make room. */
const rowsOfBlock = 2 ** 14;
/** A cell holds the place of a row in these bits, and above them some of its key, which mostly tells that it is another. */
const placeBits = 25;
const placeMask = 2 ** placeBits - 1;
/** Later rows are compared with those before, and no more with each other: 33 million of them take some six gigabytes. */
const mostRows = placeMask;

export interface NearRow {
  /** Place of the earlier row in the index. */
  readonly place: number;
  readonly similarity: number;
}

/**
 * Rows by their MinHash signatures, in bands (locality-sensitive hashing): rows that are alike agree in a whole band, most
 * likely, and only those are compared. A row takes 80 bytes for its signature and about 6 for each of its bands.
 */
export class NearIndex {
  private readonly blocks: Uint8Array[] = [];
  private readonly bands: Band[];
  private readonly rowsOfBand: number;
  private size = 0;

  /** @param threshold similarity from which rows are near duplicates, from 0.5 to below 1 */
  constructor(private readonly threshold: number) {
    this.rowsOfBand = rowsOfBand(threshold);
    const bands = Math.floor(signatureLength / this.rowsOfBand);
    this.bands = Array.from({ length: bands }, () => ({ cells: new Uint32Array(firstCells).fill(empty), filled: 0 }));
  }

  /** The earlier row that a signature is nearest to, when it is near enough. */
  find(signature: Uint8Array): NearRow | undefined {
    let best: NearRow | undefined;
    for (let number = 0; number < this.bands.length; number += 1) {
      const { cells } = this.bands[number] as Band;
      const key = this.keyOf(signature, 0, number);
      let cell = key % cells.length;
      for (; cells[cell] !== empty; cell = cell + 1 === cells.length ? 0 : cell + 1) {
        const held = cells[cell] ?? 0;
        const place = held & placeMask;
        if (!hasTag(held, key) || best?.place === place || !this.agrees(signature, 0, place, number)) continue;
        const similarity = this.similarity(signature, place);
        if (similarity >= this.threshold && isBetter({ place, similarity }, best)) best = { place, similarity };
      }
    }
    return best;
  }

  /** Keeps a row; its place counts from 0. */
  add(signature: Uint8Array): number {
    const place = this.size;
    if (place >= mostRows) return place;
    this.size += 1;
    if (place % rowsOfBlock === 0) this.blocks.push(new Uint8Array(rowsOfBlock * signatureLength));
    this.blockOf(place).set(signature, startOf(place));
    for (let number = 0; number < this.bands.length; number += 1) this.put(number, place);
    return place;
  }

  private put(number: number, place: number): void {
    const band = this.bands[number] as Band;
    const [block, from] = [this.blockOf(place), startOf(place)];
    const key = this.keyOf(block, from, number);
    const { cells } = band;
    let cell = key % cells.length;
    for (; cells[cell] !== empty; cell = cell + 1 === cells.length ? 0 : cell + 1) {
      const held = cells[cell] ?? 0;
      // One row stands for all that agree with it in this band: stock texts would make every search as long as the set.
      if (hasTag(held, key) && this.agrees(block, from, held & placeMask, number)) return;
    }
    cells[cell] = tagged(place, key);
    band.filled += 1;
    if (band.filled > cells.length * mostFilled) this.grow(band, number);
  }

  private grow(band: Band, number: number): void {
    const before = band.cells;
    const cells = new Uint32Array(Math.ceil(before.length * (before.length < fewCells ? 2 : growth))).fill(empty);
    for (const held of before) {
      if (held === empty) continue;
      const place = held & placeMask;
      // Those that are here agree with none of the others.
      let cell = this.keyOf(this.blockOf(place), startOf(place), number) % cells.length;
      while (cells[cell] !== empty) cell = cell + 1 === cells.length ? 0 : cell + 1;
      cells[cell] = held;
    }
    band.cells = cells;
  }

  private blockOf(place: number): Uint8Array {
    return this.blocks[Math.floor(place / rowsOfBlock)] as Uint8Array;
  }

  private keyOf(signature: Uint8Array, from: number, band: number): number {
    let key = band + 1;
    const start = from + band * this.rowsOfBand;
    for (let at = start; at < start + this.rowsOfBand; at += 1) key = Math.imul(key, 0x01000193) ^ (signature[at] ?? 0);
    return mixed(key) >>> 0;
  }

  private agrees(signature: Uint8Array, from: number, place: number, band: number): boolean {
    const [block, other] = [this.blockOf(place), startOf(place)];
    const start = band * this.rowsOfBand;
    for (let at = start; at < start + this.rowsOfBand; at += 1)
      if (signature[from + at] !== block[other + at]) return false;
    return true;
  }

  private similarity(signature: Uint8Array, place: number): number {
    const [block, other] = [this.blockOf(place), startOf(place)];
    let same = 0;
    for (let at = 0; at < signatureLength; at += 1) if (signature[at] === block[other + at]) same += 1;
    return same / signatureLength;
  }
}

/** The place of a row, and the upper bits of its key, which do not choose its cell. */
function tagged(place: number, key: number): number {
  return ((key & ~placeMask) | place) >>> 0;
}

function hasTag(held: number, key: number): boolean {
  return ((held ^ key) & ~placeMask) === 0;
}

interface Band {
  /** Places of rows, with a tag, by what they have in this band. */
  cells: Uint32Array;
  filled: number;
}

function startOf(place: number): number {
  return (place % rowsOfBlock) * signatureLength;
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
