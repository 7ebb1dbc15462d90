import type { Measurement, TrainingObjective, TrainingPlan } from '@anneal/contracts';
import type { Strategy } from '../combinations.js';
import type { ModelShape } from '../model/model.shape.js';

/** Peaks that were measured in trainings of one kind, over what had been estimated for them. */
export interface Correction {
  readonly ratio: number;
  /** How many trainings it was measured in. */
  readonly trainings: number;
}

/** Which measured trainings correct an estimate. */
export const measuring = {
  /** Of one kind: one training says little; many old ones, of other versions, say the wrong thing. */
  newest: 20,
  /** A ratio beyond these is no error of the estimate, but a measurement of something else. */
  leastRatio: 0.25,
  mostRatio: 4,
} as const;

/** By what estimates are corrected for this model and this way to train, for each strategy that was measured. */
export function correctionOf(
  measurements: readonly Measurement[],
  { family }: Pick<ModelShape, 'family'>,
  { method, objective }: { method: TrainingPlan['method']; objective: TrainingObjective },
): (strategy: Strategy) => Correction | undefined {
  const ofKind = measurements.filter(
    (one) => one.family === family?.name && one.method === method && one.objective === objective,
  );
  return (strategy) => {
    const found = ofKind.find((one) => one.strategy === strategy);
    return found && { ratio: found.ratio, trainings: found.trainings };
  };
}
