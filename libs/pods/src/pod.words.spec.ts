import { describe, expect, it } from 'vitest';
import { readPodWord } from './pod.words.js';

const file = { size: 3, sha256: 'a'.repeat(64) };
const said = (word: object): string => `@anneal ${JSON.stringify(word)}`;

describe('a line of a pod', () => {
  it('is a word, also after a progress bar without a line end', () => {
    const word = { word: 'offer', id: 'checkpoint-1', what: 'checkpoint', step: 4, files: { 'a/b.bin': file } };
    expect(readPodWord(said(word))).toEqual(word);
    expect(readPodWord(` 10%|#   | ${said(word)}`)).toEqual(word);
  });

  it.each(['{"loss": 1}', 'Traceback (most recent call last):', '@anneal is no word', '@anneal {"word": "off'])(
    'is what the training said: %s',
    (line) => expect(readPodWord(line)).toBeUndefined(),
  );

  it.each([
    ['of a later runner', { word: 'cheer' }],
    ['with a path that leads out', { word: 'offer', id: 'x', what: 'result', files: { '../../etc/passwd': file } }],
    ['with a digest that is none', { word: 'offer', id: 'x', what: 'result', files: { a: { ...file, sha256: 'a' } } }],
    ['with a code that is none', { word: 'failed', code: 'NO_SUCH_CODE', message: 'x' }],
  ])('is passed over when it is a word %s', (_how, word) => expect(readPodWord(said(word))).toBe('unknown'));
});
