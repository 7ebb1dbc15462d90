import { trainingSection, type EstimateRequest, type RunSpec } from '@anneal/contracts';

/** The training section of a RunSpec that asks for the same. */
export function trainingOf(request: EstimateRequest): RunSpec['training'] {
  const { method, objective, strategy, sequenceLength, microBatch, gradientCheckpointing, optimizer, rank, epochs } =
    request;
  const asked = {
    method,
    objective,
    strategy,
    sequenceLength,
    microBatch,
    gradientCheckpointing,
    optimizer,
    epochs,
    ...(method === 'full' ? {} : { lora: { rank } }),
  };
  return trainingSection.parse(asked);
}
