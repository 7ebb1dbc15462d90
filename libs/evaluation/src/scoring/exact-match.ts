import type { OwnSetBenchmark } from '@anneal/contracts';
import type { Outcome } from './outcome.js';

export type Ignored = NonNullable<OwnSetBenchmark['ignore']>[number];

/** In the order of lm-eval 0.4.13 (api/metrics.py, exact_match); its punctuation and digits are those of ASCII. */
const steps: readonly (readonly [Ignored, (text: string) => string])[] = [
  // NumPy keeps the length of a text: what is longer in lower case (only \u0130 is) is cut off at its end.
  ['case', (text) => [...text.toLowerCase()].slice(0, [...text].length).join('')],
  ['punctuation', (text) => text.replace(/[!-/:-@[-`{-~]/g, '')],
  ['numbers', (text) => text.replace(/[0-9]/g, '')],
];

/** Right when both texts are the same but for what is ignored. White space counts, as it does in lm-eval. */
export function scoreExactMatch(answer: string, expected: string, ignore: readonly Ignored[]): Outcome {
  const bare = (text: string): string =>
    steps.filter(([name]) => ignore.includes(name)).reduce((left, [, without]) => without(left), text);
  return bare(answer) === bare(expected) ? 'correct' : 'wrong';
}
