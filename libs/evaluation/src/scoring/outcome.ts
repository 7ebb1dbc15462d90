import type { EvaluationReport } from '@anneal/contracts';

/**
 * What became of a question; `unparsed` is an answer in which nothing could be found to compare, and counts as not right.
 * `failed` is a question that could not be asked at all, and counts for nothing.
 */
export type Outcome = EvaluationReport['items'][number]['base']['outcome'];

/** Compares an answer with the expected one. Pure: the same two texts always have the same outcome. */
export type Score = (answer: string, expected: string) => Outcome;
