import { z } from 'zod';
import { artifactRef, sha256 } from './artifact.js';
import { dataReportSummary } from './data-report.js';
import { defineEvent, stageName } from './event.js';
import { endedAttempt } from './attempt.js';
import { failureDetail } from './failure.js';
import { furtherKeysShape } from './further-keys.js';
import { carriedRunSpec, runId } from './run-spec.js';

/**
 * Every event of a stage carries the RunSpec and what the stages before it found out, so that no stage has to ask
 * another one or to read its tables.
 */
const run = { runId, spec: carriedRunSpec };

export const preparedDataset = z
  .object({
    artifact: artifactRef.describe(
      'train.parquet (train.jsonl in older ones), report.json, and held-out.jsonl when rows are held out.',
    ),
    source: z.string(),
    sourceDigest: sha256.describe('Of the source file as it was read.'),
    rows: z.object({
      read: z.int(),
      train: z.int().min(1),
      heldOut: z.int(),
      duplicates: z.int().describe('Exact and near ones.'),
      dropped: z
        .int()
        .describe('Not trained for another reason: unusable, contaminated, or held out by dataset.heldOutFrom.'),
    }),
    characters: z.object({ total: z.int(), longest: z.int() }).describe('Of the training rows.'),
    report: dataReportSummary.optional(),
  })
  .meta({ id: 'PreparedDataset' });
export type PreparedDataset = z.infer<typeof preparedDataset>;

/** What the trainer will really do; every value is settled before training starts. */
export const trainingPlan = z
  .object({
    method: z.enum(['lora', 'qlora', 'full']),
    strategy: z.enum(['single', 'ddp', 'fsdp', 'deepspeed']),
    device: z.enum(['cpu', 'gpu']),
    processes: z.int().min(1),
    steps: z.int().min(1).describe('Optimizer steps.'),
    epochs: z.number(),
    microBatch: z.int().min(1),
    gradientAccumulation: z.int().min(1),
    effectiveBatch: z.int().min(1),
    sequenceLength: z.int().min(1),
    learningRate: z.number(),
    scheduler: z.string(),
    warmupSteps: z.int(),
    checkpointEvery: z.int().min(1),
    precision: z.enum(['float32', 'bfloat16']),
    lora: z.object({ rank: z.int(), alpha: z.int(), dropout: z.number() }).optional(),
    dpo: z
      .object({ beta: z.number() })
      .optional()
      .describe('Set when it learns from preference pairs; the batches are then counted in pairs.'),
    seed: z.int(),
    tooLargeMicroBatch: z
      .int()
      .optional()
      .describe('Micro batch for which the memory of the GPU did not suffice, when the plan was made smaller for it.'),
    zeroStage: z.int().min(1).max(3).optional().describe('Stage of DeepSpeed ZeRO.'),
    wrapClass: z.string().optional().describe('The layer that FSDP shards the model by.'),
    attention: z.enum(['eager', 'sdpa']).optional(),
    optimizer: z.enum(['adamw', 'adamw_8bit', 'paged_adamw_8bit', 'adafactor']).optional(),
    gradientCheckpointing: z.boolean().optional(),
    samplePacking: z.boolean().optional(),
    stepsEstimated: z.boolean().optional().describe('Packing decides how many steps the epochs take.'),
    earlyStopping: z.object({ patience: z.int(), share: z.number() }).optional(),
    axolotl: z.object(furtherKeysShape).optional().describe('Further keys of Axolotl, as they were asked for.'),
    family: z.string().optional().describe('Of the model, where its kind is known.'),
    estimate: z
      .object({
        bytesPerGpu: z.number(),
        measuredRatio: z.number().optional().describe('Of peak to estimate, from earlier trainings of this kind.'),
        trainings: z.int().optional().describe('How many those were.'),
      })
      .optional()
      .describe('What the training was expected to take of each GPU.'),
    warnings: z.array(z.string()).optional(),
  })
  .meta({ id: 'TrainingPlan' });
export type TrainingPlan = z.infer<typeof trainingPlan>;

export const baseModel = z
  .object({
    reference: z.string(),
    revision: z.string().describe('Commit of a Hub model, digest of the weights of a local one.'),
    parameters: z.int().min(1),
  })
  .meta({ id: 'BaseModel' });
export type BaseModel = z.infer<typeof baseModel>;

/** How far a model prefers chosen answers to rejected ones, over the model it began as. */
const preferenceMetrics = z.object({
  accuracy: z.number().min(0).max(1).describe('Share of the pairs whose chosen answer has the larger reward.'),
  margin: z.number().describe('Mean reward of chosen minus rejected answers: beta times their log-probability ratios.'),
});
export type PreferenceMetrics = z.infer<typeof preferenceMetrics>;

export const trainedModel = z
  .object({
    artifact: artifactRef.describe('Adapter, or complete weights of a full fine-tune, with tokenizer.'),
    base: baseModel,
    plan: trainingPlan,
    planArtifact: artifactRef.describe('The rendered Axolotl configuration.'),
    steps: z.int(),
    resumed: z.int().describe('How often the training went on from a checkpoint.'),
    loss: z.object({ first: z.number(), last: z.number() }),
    preference: preferenceMetrics.optional().describe('Of the last step that was told, when pairs were learnt from.'),
    log: artifactRef.optional().describe('What Axolotl and its plugin wrote, over all starts.'),
    seconds: z.number(),
    peakBytesPerGpu: z.number().optional().describe('The most that it held of a GPU, where it trained on one.'),
    tokens: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Tokens that were learned, those of each epoch counted anew: the ones that the loss is made of, not prompts and padding.',
      ),
    engine: z.record(z.string(), z.string()).describe('Versions of Axolotl and what it stands on.'),
  })
  .meta({ id: 'TrainedModel' });
export type TrainedModel = z.infer<typeof trainedModel>;

export const mergedModel = z
  .object({
    artifact: artifactRef,
    parity: z.object({
      targets: z.int().describe('Tensors changed by the adapter; 0 for a full fine-tune.'),
      untouched: z.int(),
      largestWeightDifference: z.number().describe('Merged against base + (alpha/r) B A.'),
      largestLogitDifference: z.number().describe('Adapter against merged, on rows of the training set.'),
      sameNextToken: z.boolean(),
    }),
    seconds: z.number(),
  })
  .meta({ id: 'MergedModel' });
export type MergedModel = z.infer<typeof mergedModel>;

const side = z.object({
  correct: z.int(),
  wrong: z.int(),
  unparsed: z.int(),
  failed: z
    .int()
    .optional()
    .describe(
      'Items that this model could not be asked; whatever the other one answered, they are not among the items.',
    ),
  accuracy: z.number().describe('Right of all items; an unparsed answer is not right.'),
  guessAdjusted: z
    .number()
    .optional()
    .describe('Accuracy if each unparsed answer had been guessed: it counts 1 / number of options.'),
  partial: z.number().optional().describe('With score json: mean share of the expected keys that are right.'),
  truncated: z.int().optional().describe('Answers that reached the limit of tokens.'),
});
export const benchmarkResult = z
  .object({
    benchmark: z.string(),
    items: z.int().min(1).describe('Those that both models were asked.'),
    base: side,
    tuned: side,
    difference: z.number().describe('Accuracy of tuned minus base.'),
    gained: z.int().describe('Items that only the tuned model got right.'),
    lost: z.int().describe('Items that only the base model got right.'),
    pValue: z.number().describe('Exact McNemar test, two-sided.'),
    interval: z
      .tuple([z.number(), z.number()])
      .optional()
      .describe('Paired bootstrap 95 % interval of the difference.'),
    minimumDetectable: z
      .number()
      .optional()
      .describe('Difference that so many items show in 8 of 10 cases; left out when none would be.'),
    sampledFrom: z.int().optional().describe('How many items there are, when only a sample of them was asked.'),
    guard: z.boolean().optional(),
    margin: z.number().optional(),
  })
  .meta({ id: 'BenchmarkResult' });
export type BenchmarkResult = z.infer<typeof benchmarkResult>;

export const verdict = z.enum(['improved', 'regressed', 'inconclusive']);
export type Verdict = z.infer<typeof verdict>;

export const verdictRule = z
  .enum(['gain', 'loss', 'guard-lost', 'guard-open', 'minimum-effect', 'no-difference'])
  .describe('Which rule of the policy decided.');
export type VerdictRule = z.infer<typeof verdictRule>;

/** Something about an evaluation that a person should look at before believing it. It decides nothing. */
export const evaluationAlarm = z
  .object({
    kind: z.enum(['unparsed', 'truncated', 'identical', 'template', 'contaminated']),
    benchmark: z.string().optional(),
    message: z.string(),
  })
  .meta({ id: 'EvaluationAlarm' });
export type EvaluationAlarm = z.infer<typeof evaluationAlarm>;

export const evaluatedModel = z
  .object({
    report: artifactRef.describe('report.json, report.html and items.parquet.'),
    results: z.array(benchmarkResult).min(1),
    verdict,
    reason: z.string(),
    rule: verdictRule.optional(),
    alarms: z.array(evaluationAlarm).optional(),
  })
  .meta({ id: 'EvaluatedModel' });
export type EvaluatedModel = z.infer<typeof evaluatedModel>;

export const DatasetPrepared = defineEvent({
  name: 'DatasetPrepared',
  subject: 'anneal.dataset.prepared',
  producer: 'dataset',
  consumers: ['gateway', 'trainer', 'evaluator'],
  summary: 'The data is checked, split and stored.',
  data: z.object({ ...run, dataset: preparedDataset }),
});

export const TrainingStarted = defineEvent({
  name: 'TrainingStarted',
  subject: 'anneal.training.started',
  producer: 'trainer',
  consumers: ['gateway'],
  summary: 'Axolotl runs; the plan is final.',
  data: z.object({ ...run, plan: trainingPlan, base: baseModel, planArtifact: artifactRef }),
});

export const TrainingPaused = defineEvent({
  name: 'TrainingPaused',
  subject: 'anneal.training.paused',
  producer: 'trainer',
  consumers: ['gateway'],
  summary: 'The training wrote a checkpoint and waits.',
  data: z.object({ ...run, step: z.int(), checkpoint: artifactRef.optional() }),
});

export const TrainingCompleted = defineEvent({
  name: 'TrainingCompleted',
  subject: 'anneal.training.completed',
  producer: 'trainer',
  consumers: ['gateway', 'merger'],
  summary: 'All steps are done; adapter or weights are stored.',
  data: z.object({ ...run, dataset: preparedDataset, training: trainedModel }),
});

export const ModelMerged = defineEvent({
  name: 'ModelMerged',
  subject: 'anneal.model.merged',
  producer: 'merger',
  consumers: ['gateway', 'evaluator'],
  summary: 'Adapter and base are one model, and they agree.',
  data: z.object({ ...run, dataset: preparedDataset, training: trainedModel, merge: mergedModel }),
});

export const EvaluationCompleted = defineEvent({
  name: 'EvaluationCompleted',
  subject: 'anneal.evaluation.completed',
  producer: 'evaluator',
  consumers: ['gateway', 'publisher'],
  summary: 'Base and tuned answered the same items; the verdict stands.',
  data: z.object({
    ...run,
    dataset: preparedDataset,
    training: trainedModel,
    merge: mergedModel,
    evaluation: evaluatedModel,
  }),
});

export const ModelPublished = defineEvent({
  name: 'ModelPublished',
  subject: 'anneal.model.published',
  producer: 'publisher',
  consumers: ['gateway'],
  summary: 'The model that was evaluated is where it was asked to be.',
  data: z.object({ ...run, to: z.string(), revision: z.string(), artifact: artifactRef, verdict }),
});

export const ModelWithheld = defineEvent({
  name: 'ModelWithheld',
  subject: 'anneal.model.withheld',
  producer: 'publisher',
  consumers: ['gateway'],
  summary: 'A rule of the gate held the model back.',
  data: z.object({ ...run, rule: z.string(), artifact: artifactRef, verdict }),
});

export const StageAttempted = defineEvent({
  name: 'StageAttempted',
  subject: 'anneal.stage.attempted',
  producer: 'any stage',
  consumers: ['gateway'],
  summary: 'One try of a piece of work ended, well or not; a try that was given back is no try.',
  data: z.object({ runId, stage: stageName, attempt: endedAttempt }),
});

export const StageFailed = defineEvent({
  name: 'StageFailed',
  subject: 'anneal.stage.failed',
  producer: 'any stage',
  consumers: ['gateway'],
  summary: 'A stage gave up on this run.',
  data: z.object({
    runId,
    stage: stageName,
    attempts: z.int().min(1),
    failure: failureDetail,
    artifacts: z.array(artifactRef).optional().describe('What it stored to be looked at, the log of a training.'),
  }),
});
