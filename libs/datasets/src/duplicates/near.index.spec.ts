import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RowWords } from '../words/row.words.js';
import { DigestMap } from './digest.map.js';
import { MinHasher, signatureLength } from './min-hash.js';
import { NearIndex } from './near.index.js';
import { StockShingles } from './shingles.js';

const words = new RowWords();
function sign(text: string, hasher = new MinHasher()): Uint8Array {
  const signature = new Uint8Array(signatureLength);
  words.read([text]);
  hasher.sign(words.tokens, signature);
  return signature;
}
const sentence = (seed: number, length = 60): string[] =>
  Array.from({ length }, (_, index) => `w${(seed * 7919 + index * index * 31) % 5003}`);

describe('rows that are alike', () => {
  it('are found among thousands, with the similarity and the place of the nearest one', () => {
    const index = new NearIndex(0.75);
    for (let row = 0; row < 5000; row += 1) index.add(sign(sentence(row).join(' ')));
    const changed = sentence(4321).with(20, 'other').join(' ');
    expect(index.find(sign(changed))?.place).toBe(4321);
    expect(index.find(sign(changed))?.similarity).toBeGreaterThan(0.75);
    expect(index.find(sign(sentence(4321).join(' ')))).toEqual({ place: 4321, similarity: 1 });
    expect(index.find(sign(sentence(5001).join(' ')))).toBeUndefined();
  });

  it.each([
    [12, 4],
    [60, 10],
    [400, 100],
  ])('are estimated as the share of their common shingles, of %i words of which %i differ', (length, differ) => {
    const shingles = length - 4;
    const common = shingles - differ;
    const share = common / (2 * shingles - common);
    const errors = Array.from({ length: 200 }, (_, seed) => {
      const text = Array.from({ length }, (__, index) => `w${seed}x${index}`);
      const other = text.toSpliced(
        length - differ,
        differ,
        ...Array.from({ length: differ }, (__, at) => `v${seed}x${at}`),
      );
      const [a, b] = [sign(text.join(' ')), sign(other.join(' '))];
      return a.filter((value, place) => value === b[place]).length / signatureLength - share;
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
    expect(Math.abs(mean)).toBeLessThan(0.015);
    // That of 80 independent numbers, and a little for chance.
    expect(deviation).toBeLessThan(1.15 * Math.sqrt((share * (1 - share)) / signatureLength));
  });

  it.each([
    ['What is 3 + 1? 4', 'What is 3 - 1? 2'],
    ['Turn on the lamp in the kitchen.', 'Turn off the lamp in the kitchen.'],
  ])('are not "%s" and "%s"', (one, other) => {
    const index = new NearIndex(0.75);
    index.add(sign(one));
    expect(index.find(sign(other))).toBeUndefined();
  });

  it('are not alike because of an instruction that many rows begin with', () => {
    const instruction = sentence(77, 80).join(' ');
    const rows = Array.from({ length: 40 }, (_, row) => `${instruction} ${sentence(row, 8).join(' ')}`);
    const similar = (stock: Iterable<number>): boolean => {
      const index = new NearIndex(0.75);
      const own = new MinHasher(stock);
      const signatures = rows.slice(0, 2).map((text) => sign(text, own));
      index.add(signatures[0] ?? new Uint8Array());
      return index.find(signatures[1] ?? new Uint8Array()) !== undefined;
    };
    const stock = new StockShingles();
    for (const text of rows) {
      words.read([text]);
      stock.add(words.tokens);
    }
    expect([similar([]), similar(stock.list)]).toEqual([true, false]);
  });

  it('have the same signature on every machine', () => {
    expect(Buffer.from(sign('The same text, the same 80 bytes.')).toString('hex').slice(0, 32)).toBe(
      '8e2731b4e42d4aed242ecedae9187db8',
    );
  });
});

describe('rows that are the same', () => {
  it('are found by their digest, however many there are', () => {
    const seen = new DigestMap();
    const digest = (row: number): string => createHash('sha256').update(String(row)).digest('hex');
    for (let row = 0; row < 20_000; row += 1) expect(seen.add(digest(row), row)).toBeUndefined();
    expect([seen.add(digest(7), 99), seen.add(digest(19_999), 99)]).toEqual([7, 19_999]);
    expect([seen.has(digest(123)), seen.has(digest(20_001))]).toEqual([true, false]);
  });
});
