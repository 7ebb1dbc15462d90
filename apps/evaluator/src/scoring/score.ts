import type { EvaluationReport } from '@anneal/contracts';
import { scoreExact } from './exact.js';
import { scoreJson } from './json.js';
import { scoreNormalised } from './normalised.js';

/** What became of an answer; `unparsed` is an answer in which nothing could be found to compare, and counts as not right. */
export type Outcome = EvaluationReport['items'][number]['base']['outcome'];

/** Compares an answer with the expected one. Pure: the same two texts always have the same outcome. */
export type Score = (answer: string, expected: string) => Outcome;

export type ScoringName = 'exact' | 'normalised' | 'json';

const scores: Record<ScoringName, Score> = { exact: scoreExact, normalised: scoreNormalised, json: scoreJson };

export function scoreNamed(name: ScoringName): Score {
  return scores[name];
}
