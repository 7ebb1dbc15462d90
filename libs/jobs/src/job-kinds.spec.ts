import { expect, it } from 'vitest';
import { renewalOf } from './job-kinds.js';

it.each([
  ['dataset', 'gateway', { dataset: 'again', trainer: 'kept', publisher: 'kept' }],
  ['trainer', 'dataset', { dataset: 'outdated', trainer: 'again', merger: 'kept' }],
  ['merger', 'trainer', { dataset: 'outdated', trainer: 'outdated', merger: 'again', evaluator: 'kept' }],
  // Measuring the base, which needs the dataset at most.
  ['evaluator', 'dataset', { dataset: 'outdated', trainer: 'kept', merger: 'kept', evaluator: 'again' }],
  // Judging, which the measurements of the same stage lead to.
  ['evaluator', 'evaluator', { dataset: 'outdated', merger: 'outdated', evaluator: 'outdated', publisher: 'kept' }],
  ['publisher', 'evaluator', { dataset: 'outdated', evaluator: 'outdated', publisher: 'again' }],
] as const)('a job of the %s that follows the %s', (stage, follows, expected) => {
  for (const [from, renewal] of Object.entries(expected)) {
    expect(renewalOf({ kind: 'x', stage, follows }, from as keyof typeof expected), from).toBe(renewal);
  }
});
