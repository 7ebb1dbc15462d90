import { describe, expect, it } from 'vitest';
import { toColumns, toRows } from './row.columns.js';

describe('rows in columns', () => {
  it('are the same rows again, with what is undefined in some', () => {
    const rows = [
      { number: 1, group: undefined, line: 'a' },
      { number: 2, group: 'g', line: '' },
    ];
    expect(toColumns(rows)).toEqual({ number: [1, 2], group: [undefined, 'g'], line: ['a', ''] });
    expect(toRows(structuredClone(toColumns(rows)))).toStrictEqual(rows);
  });

  it('are none where there were none', () => {
    expect(toRows(toColumns([]))).toEqual([]);
  });
});
