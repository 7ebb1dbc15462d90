import type { TrainingPlan } from '@anneal/contracts';
import { expect, it } from 'vitest';
import { smallerPlan } from './smaller.plan.js';

const plan = (change: Partial<TrainingPlan>): TrainingPlan =>
  ({ microBatch: 8, gradientAccumulation: 3, effectiveBatch: 24, ...change }) as TrainingPlan;

it('halves the micro batch and keeps the effective batch', () => {
  expect(smallerPlan(plan({}))).toEqual(plan({ microBatch: 4, gradientAccumulation: 6, tooLargeMicroBatch: 8 }));
});

it.each([[{ microBatch: 1 }], [{ microBatch: 3 }], [{ microBatch: 4, tooLargeMicroBatch: 8 }]])(
  'has nothing smaller than %j',
  (change) => {
    expect(smallerPlan(plan(change))).toBeUndefined();
  },
);
