import { describe, expect, it } from 'vitest';
import { requireStorable, unstorableFields } from './storable.js';

describe('what no database could keep', () => {
  it.each([
    ['a NUL', { a: [{ b: 'x\0' }] }, 'a.0.b'],
    ['half a surrogate pair', { a: '\ud800' }, 'a'],
    ['a name with a NUL', { a: { 'b\0': 1 } }, 'a.b\0'],
  ])('is found: %s', (_what, value, field) => {
    expect(unstorableFields(value)).toEqual([field]);
    expect(() => requireStorable(value)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
  });

  it('is more levels than a stack carries', () => {
    const levels = 200_000;
    const deep: unknown = JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
    expect(unstorableFields({ deep })).toHaveLength(1);
  });

  it('is nothing else', () => {
    expect(unstorableFields({ a: 'ü😀\n', b: [null, 1, true, {}] })).toEqual([]);
  });
});
