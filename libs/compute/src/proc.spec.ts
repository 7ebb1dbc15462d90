import { describe, expect, it } from 'vitest';
import { parseStat } from './proc.js';

const rest = '5 5 5 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1';

describe('parseStat', () => {
  it('reads pid, parent and start time', () => {
    expect(parseStat(`12 (python) S ${rest}`)).toEqual({ pid: 12, parent: 5, startTime: '987654', dead: false });
  });

  it('is not confused by a name with brackets and blanks', () => {
    expect(parseStat(`12 (a) Z (b) R ${rest}`)).toMatchObject({ parent: 5, startTime: '987654', dead: false });
  });

  it('says that a zombie is dead', () => {
    expect(parseStat(`12 (python) Z ${rest}`)?.dead).toBe(true);
  });

  it.each(['', '12', '12 (x', '12 (x) S 1'])('is nothing for %j', (text) => {
    expect(parseStat(text)).toBeUndefined();
  });
});
