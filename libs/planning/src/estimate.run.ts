import type { AcceptedRunSpec, Estimate } from '@anneal/contracts';
import type { Strategy } from './combinations.js';
import { estimateTraining } from './estimate.js';
import type { Hosts } from './hosts.js';
import type { Correction } from './memory/correction.js';
import type { ModelShape } from './model/model.shape.js';
import { resolvePlan } from './plan/resolve.plan.js';

export interface EstimateRun {
  readonly reference: string;
  readonly model: ModelShape;
  readonly training: AcceptedRunSpec['training'];
  readonly hosts: Hosts;
  /** What is known of the data. */
  readonly data: { readonly rows?: number | undefined; readonly tokensPerRow?: number | undefined };
  /** What was measured in trainings of this kind, by strategy. */
  readonly correction?: (strategy: Strategy) => Correction | undefined;
}

const usualLength = 2048;
/** So many rows that the batch is the usual one. */
const manyRows = 10_000;
const charactersPerToken = 3;

/**
 * The estimate of a training that nobody has prepared yet: the plan is the one that the trainer would make, with what is
 * not known of the data left open.
 *
 * @throws Failure SPEC_UNSUPPORTED where there is no such training
 */
export function estimateRun({ reference, model, training, hosts, data, correction }: EstimateRun): Estimate {
  const maxPositions = model.maxPositions ?? usualLength;
  const length = training.sequenceLength ?? Math.min(usualLength, maxPositions);
  const rows = data.rows ?? manyRows;
  const tokensPerRow = Math.min(length, data.tokensPerRow ?? length);
  const { plan, load } = resolvePlan({
    training: { ...training, sequenceLength: length },
    rows,
    characters: { total: rows * tokensPerRow * charactersPerToken, longest: length * charactersPerToken },
    maxPositions,
    hosts,
    model,
    correction,
  });
  if (!load) throw new Error('a model of known size has a load');
  const conversations = training.objective === 'dpo' ? 2 : 1;
  const known = data.rows !== undefined || training.maxSteps !== undefined;
  const sequences = plan.steps * plan.effectiveBatch * (plan.samplePacking === true ? length / tokensPerRow : 1);
  const amount = known
    ? { steps: plan.steps, tokens: Math.round(sequences * tokensPerRow * conversations) }
    : { steps: undefined, tokens: undefined };
  const estimate = estimateTraining({ reference, model, load, hosts, amount, correction: correction?.(load.strategy) });
  if (!known || data.tokensPerRow !== undefined) return estimate;
  const { duration } = estimate;
  return { ...estimate, duration: { ...duration, basis: `As if every row had ${length} tokens. ${duration.basis}` } };
}
