import { scoreExact } from './exact.js';
import { scoreJson } from './json.js';
import { scoreNormalised } from './normalised.js';
import type { Score } from './outcome.js';

export type ScoringName = 'exact' | 'normalised' | 'json';

const scores: Record<ScoringName, Score> = { exact: scoreExact, normalised: scoreNormalised, json: scoreJson };

export function scoreNamed(name: ScoringName): Score {
  return scores[name];
}
