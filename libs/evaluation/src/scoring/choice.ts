import { extractLetter } from './letter.js';
import type { Outcome } from './outcome.js';

/** Right when the letter that the answer gives is the expected one. An answer without a letter is unparsed. */
export function scoreChoice(answer: string, expected: string): Outcome {
  const { letter } = extractLetter(answer);
  if (letter === null) return 'unparsed';
  return letter === expected ? 'correct' : 'wrong';
}
