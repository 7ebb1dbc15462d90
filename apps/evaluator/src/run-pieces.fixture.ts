import type { ArtifactRef, BaseModel, MergedModel, PreparedDataset, TrainedModel } from '@anneal/contracts';

/** What the dataset stage says about a stored set. */
export function preparedFrom(artifact: ArtifactRef): PreparedDataset {
  return {
    artifact,
    source: 'acme/data',
    sourceDigest: artifact.digest,
    rows: { read: 1, train: 1, heldOut: 0, duplicates: 0, dropped: 0 },
    characters: { total: 1, longest: 1 },
  };
}

/** What trainer and merger say about a stored model that was trained from a base. */
export function mergedFrom(artifact: ArtifactRef, base: BaseModel): { training: TrainedModel; merge: MergedModel } {
  const training: TrainedModel = {
    artifact: { ...artifact, kind: 'adapter' },
    base,
    plan: {
      ...{ method: 'lora', strategy: 'single', device: 'cpu', processes: 1, steps: 1, epochs: 1, microBatch: 1 },
      ...{ gradientAccumulation: 1, effectiveBatch: 1, sequenceLength: 128, learningRate: 0.1, scheduler: 'cosine' },
      ...{ warmupSteps: 0, checkpointEvery: 1, precision: 'float32', lora: { rank: 2, alpha: 4, dropout: 0 }, seed: 1 },
    },
    planArtifact: { ...artifact, kind: 'plan' },
    steps: 1,
    resumed: 0,
    loss: { first: 2, last: 1 },
    seconds: 1,
    engine: { axolotl: 'stand-in' },
  };
  const parity = {
    targets: 1,
    untouched: 1,
    largestWeightDifference: 0,
    largestLogitDifference: 0,
    sameNextToken: true,
  };
  return { training, merge: { artifact, parity, seconds: 1 } };
}
