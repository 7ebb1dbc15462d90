import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DigestMap } from './digest.map.js';
import { MinHasher, signatureLength } from './min-hash.js';
import { NearIndex } from './near.index.js';
import { stockShingles } from './shingles.js';

const hasher = new MinHasher();
const sign = (text: string): Uint8Array => {
  const signature = new Uint8Array(signatureLength);
  hasher.sign(text, signature);
  return signature;
};
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

  it('are estimated as the share of their common shingles', () => {
    const [one, other] = [sentence(1, 400), sentence(1, 400).toSpliced(300, 100, ...sentence(2, 100))];
    const [a, b] = [sign(one.join(' ')), sign(other.join(' '))];
    const same = a.filter((value, place) => value === b[place]).length / signatureLength;
    // 296 of 496 shingles are common.
    expect(same).toBeGreaterThan(0.45);
    expect(same).toBeLessThan(0.75);
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
      const signatures = rows.slice(0, 2).map((text) => {
        const signature = new Uint8Array(signatureLength);
        own.sign(text, signature);
        return signature;
      });
      index.add(signatures[0] ?? new Uint8Array());
      return index.find(signatures[1] ?? new Uint8Array()) !== undefined;
    };
    expect([similar([]), similar(stockShingles(rows))]).toEqual([true, false]);
  });

  it('have the same signature on every machine', () => {
    expect(Buffer.from(sign('The same text, the same 80 bytes.')).toString('hex').slice(0, 32)).toBe(
      'ce1e31b444279c66b7b79a4a007d9878',
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
