import type { TrainingPlan } from '@anneal/contracts';

/**
 * The same training in smaller bites: half the micro batch, twice the accumulation. Undefined when the micro batch is one
 * row or odd, since the effective batch has to stay what was announced, and when the plan was made smaller before.
 */
export function smallerPlan(plan: TrainingPlan): TrainingPlan | undefined {
  const { microBatch, gradientAccumulation, tooLargeMicroBatch } = plan;
  if (tooLargeMicroBatch !== undefined || microBatch < 2 || microBatch % 2 !== 0) return undefined;
  return {
    ...plan,
    microBatch: microBatch / 2,
    gradientAccumulation: gradientAccumulation * 2,
    tooLargeMicroBatch: microBatch,
  };
}
