import { runSpec, type EstimateRequest, type RunSpec } from '@anneal/contracts';

/** The training section of a RunSpec that asks for the same. */
export function trainingOf(request: EstimateRequest): RunSpec['training'] {
  const { method, strategy, sequenceLength, microBatch, gradientCheckpointing, optimizer, rank, epochs } = request;
  const asked = {
    method,
    strategy,
    sequenceLength,
    microBatch,
    gradientCheckpointing,
    optimizer,
    epochs,
    ...(method === 'full' ? {} : { lora: { rank } }),
  };
  return runSpec.shape.training.parse(asked);
}
