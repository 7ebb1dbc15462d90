import { describe, expect, it } from 'vitest';
import { sharedRun } from './shared.words.js';

const words = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `word${from + index}`).join(' ');

describe('the words that two texts share', () => {
  it('are the longest run, in other letters and with other signs, too', () => {
    const text = `${words(500, 30)}. ${words(0, 10)}! ${words(900, 4)} ${words(20, 15)}.`;
    const other = `Asked: ${words(0, 11).toUpperCase()}, ${words(700, 9)}; ${words(20, 15).replaceAll(' ', ', ')}`;
    expect(sharedRun(text, other, 10)).toMatchObject({
      text: text.indexOf('word20 '),
      other: other.indexOf('word20,'),
    });
    expect(sharedRun(text, other, 16)).toBeUndefined();
  });

  it('are found in a long text in no time', () => {
    const text = `${'a b '.repeat(200_000)}${words(0, 12)}`;
    expect(sharedRun(text, `${'a b '.repeat(100)}${words(0, 12)}`, 10)?.text).toBe(0);
  });
});
