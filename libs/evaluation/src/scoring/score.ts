import type { OwnSetBenchmark } from '@anneal/contracts';
import { scoreChoice } from './choice.js';
import { scoreExact } from './exact.js';
import { scoreExactMatch } from './exact-match.js';
import { extractLetter } from './letter.js';
import { isJson, jsonShare, scoreJson } from './json.js';
import { scoreNormalised } from './normalised.js';
import { isNumber, scoreNumber } from './number.js';
import type { Score } from './outcome.js';
import { patternProblem, scoreRegex } from './regex.js';

export type ScoringName = OwnSetBenchmark['score'];

/** A way to compare answers, as a RunSpec names it. */
export interface Scoring {
  readonly score: Score;
  /** What keeps an expected answer from being compared with; nothing when it is fine. */
  readonly problemOf?: (expected: string) => string | undefined;
  /** How much of the expected answer is there, from 0 to 1. */
  readonly partial?: (answer: string, expected: string) => number;
  /** What was found in an answer, and how. */
  readonly read?: typeof extractLetter;
}

export function scoringOf({
  score,
  tolerance = 0,
  relativeTolerance = 0,
  ignore = [],
}: Pick<OwnSetBenchmark, 'score' | 'tolerance' | 'relativeTolerance' | 'ignore'>): Scoring {
  switch (score) {
    case 'exact':
      return { score: scoreExact };
    case 'lm-eval:exact_match':
      return { score: (answer, expected) => scoreExactMatch(answer, expected, ignore) };
    case 'normalised':
      return { score: scoreNormalised };
    case 'regex':
      return { score: scoreRegex, problemOf: patternProblem };
    case 'json':
      return {
        score: scoreJson,
        partial: jsonShare,
        problemOf: (expected) =>
          isJson(expected) ? undefined : 'is compared as JSON, but what it expects is not JSON',
      };
    case 'number': {
      const allowed = { absolute: tolerance, relative: relativeTolerance };
      return {
        score: (answer, expected) => scoreNumber(answer, expected, allowed),
        problemOf: (expected) =>
          isNumber(expected) ? undefined : 'is compared as a number, but what it expects is not a finite one',
      };
    }
    case 'choice':
      return {
        score: scoreChoice,
        read: extractLetter,
        problemOf: (expected) =>
          /^[A-J]$/.test(expected) ? undefined : 'is a multiple choice, but what it expects is no letter from A to J',
      };
  }
}

export function scoreNamed(score: ScoringName): Score {
  return scoringOf({ score }).score;
}
