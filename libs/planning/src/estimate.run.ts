import type { AcceptedRunSpec, Estimate } from '@anneal/contracts';
import type { ModelSize } from '@anneal/engine';
import { estimateTraining } from './estimate.js';
import type { Hosts } from './hosts.js';
import { readModelConfig } from './model/model.config.js';
import { modelShape } from './model/model.shape.js';
import { resolvePlan } from './plan/resolve.plan.js';

export interface EstimateRun {
  readonly reference: string;
  readonly size: ModelSize;
  readonly training: AcceptedRunSpec['training'];
  readonly hosts: Hosts;
  /** What is known of the data. */
  readonly data: { readonly rows?: number | undefined; readonly tokensPerRow?: number | undefined };
}

const usualLength = 2048;
/** So many rows that the batch is the usual one. */
const manyRows = 10_000;
const charactersPerToken = 3;

/**
 * The estimate of a training that nobody has prepared yet: the plan is the one that the trainer would make, with what is
 * not known of the data left open.
 *
 * @throws Failure SPEC_UNSUPPORTED where there is no such training, MODEL_INVALID where the model says too little
 */
export function estimateRun({ reference, size, training, hosts, data }: EstimateRun): Estimate {
  const model = modelShape(readModelConfig(size.config, reference), size.parameters);
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
  });
  if (!load) throw new Error('a model of known size has a load');
  const known = data.rows !== undefined || training.maxSteps !== undefined;
  const sequences = plan.steps * plan.effectiveBatch * (plan.samplePacking === true ? length / tokensPerRow : 1);
  const amount = known
    ? { steps: plan.steps, tokens: Math.round(sequences * tokensPerRow) }
    : { steps: undefined, tokens: undefined };
  const estimate = estimateTraining({ reference, model, load, hosts, amount });
  if (!known || data.tokensPerRow !== undefined) return estimate;
  const { duration } = estimate;
  return { ...estimate, duration: { ...duration, basis: `As if every row had ${length} tokens. ${duration.basis}` } };
}
