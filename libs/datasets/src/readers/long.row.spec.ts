import { expect, it } from 'vitest';
import { LongRow } from './long.row.js';

const block = (text: string, number = 5) => ({ bytes: Buffer.from(text), number });

it.each([
  ['ends with its line', false, 'x', '', 6],
  ['ends before the next line', false, 'x,y\nz\n', 'z\n', 6],
  ['goes on over lines inside of quotes', true, 'x\n\ny",z\nw', 'w', 8],
  ['goes on behind quotes that are written twice', true, 'x ""y""\n""",z\nw', 'w', 7],
  ['opens another field and closes it', true, '","\n\n"\nw', 'w', 8],
  ['ends before a line that is empty', true, '"\n', '', 6],
])('%s', (_what, isQuoted, text, behind, line) => {
  const rest = new LongRow(1, isQuoted).take(block(text));
  expect([rest?.bytes.toString(), rest?.number]).toEqual([behind, line]);
});

it('remembers from block to block whether it is inside of quotes', () => {
  const row = new LongRow(1, true);
  expect(row.take(block('x\n""'))).toBeUndefined();
  expect(row.take(block('",y,"z\n', 7))).toBeUndefined();
  expect(row.take({ ...block('', 9), isTooLong: true, quotes: 4 })).toBeUndefined();
  expect(row.take({ ...block('', 10), isTooLong: true, quotes: 3 })).toEqual({ bytes: Buffer.alloc(0), number: 11 });
});
