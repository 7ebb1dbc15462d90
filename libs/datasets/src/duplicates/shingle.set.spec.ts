import { describe, expect, it } from 'vitest';
import { ShingleSet } from './shingle.set.js';

describe('a set of shingles', () => {
  it.each([
    [[]],
    [[0]],
    [[7, -7, 0x7fff_ffff, -0x8000_0000]],
    [Array.from({ length: 100 }, (_, index) => index * 256)],
  ])('holds what it was made of, and nothing else', (shingles: number[]) => {
    const set = new ShingleSet(shingles);
    expect(shingles.every((shingle) => set.has(shingle))).toBe(true);
    expect([0, 1, -1, 7, 256, 25_600].filter((other) => set.has(other))).toEqual(
      [0, 1, -1, 7, 256, 25_600].filter((other) => shingles.includes(other)),
    );
  });
});
