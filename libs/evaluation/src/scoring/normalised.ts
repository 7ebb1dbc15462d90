import type { Outcome } from './outcome.js';

/** Right when both texts are the same but for case and white space: it is cut at both ends, and a run of it is one space. */
export function scoreNormalised(answer: string, expected: string): Outcome {
  return normalise(answer) === normalise(expected) ? 'correct' : 'wrong';
}

/** What two texts that differ in nothing but case and white space have in common. */
export function normalise(text: string): string {
  return text.trim().replace(/\s+/g, ' ').toLowerCase();
}
