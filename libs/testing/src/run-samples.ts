import {
  acceptRunSpec,
  parseRunSpec,
  runSpec,
  type AcceptedRunSpec,
  type EventData,
  type RunSpecInput,
} from '@anneal/contracts';
import type {
  DatasetPrepared,
  EvaluationCompleted,
  ModelMerged,
  ModelPublished,
  StageFailed,
  TrainingCompleted,
  TrainingStarted,
} from '@anneal/contracts';

type Artifact = EventData<typeof DatasetPrepared>['dataset']['artifact'];

export const sampleRequest = {
  model: { base: 'file:/models/tiny' },
  dataset: { source: 'file:/data/sums.jsonl' },
  training: { method: 'lora' },
} as const;

export function sampleSpec(id: string): AcceptedRunSpec {
  const parsed = parseRunSpec(sampleRequest);
  if (!parsed.ok) throw new Error('the sample is not a RunSpec');
  return acceptRunSpec(parsed.spec, id);
}

/** A RunSpec with the given evaluation, as it travels in events. */
export function specWith(
  evaluation: NonNullable<RunSpecInput['evaluation']>,
  { id = 'run-1', base = 'acme/base' } = {},
): AcceptedRunSpec {
  const spec = runSpec.parse({
    model: { base },
    dataset: { source: 'acme/data' },
    training: { method: 'lora' },
    evaluation,
  });
  return acceptRunSpec(spec, id);
}

function artifact(kind: Artifact['kind']): Artifact {
  return { kind, digest: 'a'.repeat(64), files: 1, bytes: 10 };
}

export const samplePlan: EventData<typeof TrainingStarted>['plan'] = {
  method: 'lora',
  strategy: 'single',
  device: 'cpu',
  processes: 1,
  steps: 10,
  epochs: 1,
  microBatch: 1,
  gradientAccumulation: 1,
  effectiveBatch: 1,
  sequenceLength: 128,
  learningRate: 0.001,
  scheduler: 'cosine',
  warmupSteps: 0,
  checkpointEvery: 5,
  precision: 'float32',
  seed: 42,
};

const base = { reference: 'file:/models/tiny', revision: 'b'.repeat(64), parameters: 1000 };
const side = { correct: 1, wrong: 1, unparsed: 0, accuracy: 0.5 };

/** The data of every event that a run that ends well says, for the run of this id. */
export function sampleEvents(runId: string, report: Artifact = artifact('report')) {
  const run = { runId, spec: sampleSpec(runId) };
  const dataset: EventData<typeof DatasetPrepared>['dataset'] = {
    artifact: artifact('dataset'),
    source: 'file:/data/sums.jsonl',
    sourceDigest: 'c'.repeat(64),
    rows: { read: 10, train: 9, heldOut: 1, duplicates: 0, dropped: 0 },
    characters: { total: 100, longest: 20 },
  };
  const training: EventData<typeof TrainingCompleted>['training'] = {
    artifact: artifact('adapter'),
    base,
    plan: samplePlan,
    planArtifact: artifact('plan'),
    steps: 10,
    resumed: 0,
    loss: { first: 2, last: 1 },
    seconds: 3,
    engine: { axolotl: '1' },
  };
  const merge: EventData<typeof ModelMerged>['merge'] = {
    artifact: artifact('model'),
    parity: {
      targets: 1,
      untouched: 1,
      largestWeightDifference: 0,
      largestLogitDifference: 0,
      sameNextToken: true,
    },
    seconds: 1,
  };
  const evaluation: EventData<typeof EvaluationCompleted>['evaluation'] = {
    report,
    results: [
      {
        ...{ benchmark: 'held-out', items: 2, base: side, tuned: side, difference: 0, interval: [0, 0] },
        ...{ gained: 0, lost: 0, pValue: 1 },
      },
    ],
    verdict: 'improved',
    reason: 'It got better.',
    rule: 'gain',
    alarms: [{ kind: 'identical', message: 'Both gave the same answers.' }],
  };
  const published: EventData<typeof ModelPublished> = {
    ...run,
    to: 'registry:sums:latest',
    revision: 'd'.repeat(64),
    artifact: artifact('model'),
    verdict: 'improved',
  };
  return {
    prepared: { ...run, dataset },
    started: { ...run, plan: samplePlan, base, planArtifact: artifact('plan') },
    trained: { ...run, dataset, training },
    merged: { ...run, dataset, training, merge },
    evaluated: { ...run, dataset, training, merge, evaluation },
    published,
    withheld: { ...run, rule: 'not improved', artifact: artifact('model'), verdict: 'inconclusive' as const },
    failed: {
      runId,
      stage: 'trainer',
      attempts: 3,
      failure: { code: 'GPU_OUT_OF_MEMORY', message: 'Too big.', remedy: 'Take less.', retryable: false },
    } satisfies EventData<typeof StageFailed>,
  };
}
