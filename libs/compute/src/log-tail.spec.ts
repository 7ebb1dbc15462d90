import { expect, it } from 'vitest';
import { lastLines } from './log-tail.js';

it('keeps the last lines, and of a progress bar the last state', () => {
  expect(lastLines('one\ntwo\n 10%|#\r 50%|##\r100%|####\nfour\r\n', 3)).toBe('two\n100%|####\nfour');
  expect(lastLines('', 3)).toBe('');
  expect(lastLines('half', 3)).toBe('half');
});
