import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HeldOutSplit } from './held-out.split.js';

const digests = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => createHash('sha256').update(String(index)).digest('hex'));

function heldOutOf(rows: string[], share: number): string[] {
  const split = new HeldOutSplit<string>(share);
  for (const row of rows) split.take(row, row);
  return split.heldOut.map(({ row }) => row);
}

describe('the held-out split', () => {
  it('takes about the share that is wanted', () => {
    const taken = heldOutOf(digests(1000), 0.1).length;
    expect(taken).toBeGreaterThan(70);
    expect(taken).toBeLessThan(130);
  });

  it('never moves a row because of other rows or their order', () => {
    const some = digests(500);
    const before = heldOutOf(some, 0.1);
    const after = heldOutOf([...digests(900).slice(500), ...some.toReversed()], 0.1);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  it('never holds out a row that was trained on before, however many are added', () => {
    const rows = digests(3000);
    const heldOut = (some: string[]): Set<string> => new Set(heldOutOf(some, 0.5));
    for (const count of [5, 100, 1000]) {
      const before = heldOut(rows.slice(0, count));
      const trained = rows.slice(0, count).filter((row) => !before.has(row));
      const after = heldOut(rows);
      expect(trained.filter((row) => after.has(row))).toEqual([]);
    }
  });

  it('holds out at most 200 rows and gives the others back', () => {
    const split = new HeldOutSplit<string>(0.5);
    const rows = digests(1000);
    const trained = rows.flatMap((row) => split.take(row, row));
    const heldOut = split.heldOut.map(({ row }) => row);
    expect(heldOut).toHaveLength(200);
    expect([...trained, ...heldOut].toSorted()).toEqual(rows.toSorted());
    expect(heldOut).toEqual(rows.toSorted().slice(0, 200));
  });

  it('holds out what comes from elsewhere, at most 200 rows and always the same ones', () => {
    const rows = digests(1000);
    for (const order of [rows, rows.toReversed()]) {
      const split = new HeldOutSplit<string>(0);
      for (const row of order) split.holdOut(row, row);
      expect(split.heldOut.map(({ row }) => row)).toEqual(rows.toSorted().slice(0, 200));
    }
  });

  it('holds out the row with the smallest digest of a set in which none is chosen', () => {
    const rows = digests(40)
      .filter((digest) => Number.parseInt(digest.slice(0, 2), 16) > 40)
      .slice(0, 10);
    for (const order of [rows, rows.toReversed()]) {
      const split = new HeldOutSplit<string>(0.1);
      const trained = order.flatMap((row) => split.take(row, row));
      const heldOut = split.heldOut.map(({ row }) => row);
      expect(heldOut).toEqual(rows.toSorted().slice(0, 1));
      expect([...trained, ...heldOut].toSorted()).toEqual(rows.toSorted());
    }
  });

  it('gives the spare row back as soon as another is chosen', () => {
    const split = new HeldOutSplit<string>(0.5);
    expect(split.take('ffffffff', 'spare')).toEqual([]);
    expect(split.take('00000000', 'chosen')).toEqual(['spare']);
    expect(split.heldOut.map(({ row }) => row)).toEqual(['chosen']);
  });

  it.each([
    ['of a small set of which none is chosen', 0.001, 4, 3],
    ['where 200 rows end in the middle of some', 0.5, 300, 7],
    ['that are more than 200 by themselves', 0.5, 20, 250],
  ])('never parts rows of one digest, whatever their order: %s', (_what, share, count, ofEach) => {
    const rows = Array.from({ length: ofEach }, (_, index) =>
      digests(count).map((digest) => ({ digest, index })),
    ).flat();
    const sides = [rows, rows.toReversed()].map((order) => {
      const split = new HeldOutSplit<{ digest: string }>(share);
      const trained = order.flatMap((row) => split.take(row.digest, row)).map(({ digest }) => digest);
      const heldOut = split.heldOut.map(({ digest }) => digest);
      expect(trained.length + heldOut.length).toBe(rows.length);
      expect(heldOut.length).toBeGreaterThan(0);
      expect(heldOut.filter((digest) => trained.includes(digest))).toEqual([]);
      return heldOut;
    });
    expect(sides[0]).toEqual(sides[1]);
  });

  it('holds nothing out when nothing is wanted', () => {
    expect(heldOutOf(digests(1000), 0)).toEqual([]);
  });
});
