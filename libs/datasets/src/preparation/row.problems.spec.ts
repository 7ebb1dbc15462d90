import { describe, expect, it } from 'vitest';
import { RowProblems } from './row.problems.js';

describe('rows that cannot be used', () => {
  it('are the same first ones, whichever order they are found in', () => {
    const numbers = [9, 2, 7, 1, 5, 3, 8];
    const [one, other] = [numbers, numbers.toReversed()].map((order) => {
      const problems = new RowProblems();
      for (const row of order)
        problems.add('not-utf-8', `Line ${row} of f is not UTF-8.`, {
          row,
          file: 'f',
          fileNumber: undefined,
          number: row,
        });
      return problems;
    });
    expect(one?.list[0]).toMatchObject({ rows: 7, first: [1, 2, 3, 5, 7].map((row) => ({ row })) });
    expect(one?.list).toEqual(other?.list);
    expect(one?.moreThan(0, 9)).toMatchObject({ row: 1, message: other?.moreThan(0, 9)?.message as string });
  });
});
