import type { Outcome } from './outcome.js';

/** Right when the answer is the expected text, character for character. */
export function scoreExact(answer: string, expected: string): Outcome {
  return answer === expected ? 'correct' : 'wrong';
}
