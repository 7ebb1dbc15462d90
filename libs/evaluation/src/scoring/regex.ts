import { RE2JS } from 're2js';
import type { Outcome } from './outcome.js';

// RE2 has no backtracking: a pattern of a user takes time in proportion to the answer, whatever the pattern is.

/** Right when the expected pattern (RE2 syntax) matches somewhere in the answer. */
export function scoreRegex(answer: string, expected: string): Outcome {
  return RE2JS.compile(expected).test(answer) ? 'correct' : 'wrong';
}

const longestPattern = 1_000;

/** What is wrong with a pattern; nothing when it can be used. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > longestPattern) return `expects a pattern of more than ${longestPattern} characters`;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return `expects a pattern that RE2 does not know: ${error instanceof Error ? error.message : String(error)}`;
  }
}
