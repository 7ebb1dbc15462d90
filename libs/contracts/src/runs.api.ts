import { z } from 'zod';
import { artifactRef, manifestFile } from './artifact.js';
import { attemptView } from './attempt.js';
import { defaultProject, projectName, stageName } from './event.js';
import { failureDetail } from './failure.js';
import { progress } from './progress.js';
import { runSpec, specProblem } from './run-spec.js';
import {
  benchmarkResult,
  evaluationAlarm,
  mergedModel,
  preparedDataset,
  trainedModel,
  trainingPlan,
  verdict,
  verdictRule,
} from './stage.events.js';

export const runState = z.enum(['running', 'paused', 'succeeded', 'failed', 'cancelled', 'rejected']);
export type RunState = z.infer<typeof runState>;
/** Whether nothing more will happen to a run in this state. */
export function isFinal(state: RunState): boolean {
  return state !== 'running' && state !== 'paused';
}

export const stageState = z.enum(['waiting', 'running', 'succeeded', 'failed', 'cancelled']);
export type StageState = z.infer<typeof stageState>;

export const stageView = z
  .object({
    stage: stageName,
    state: stageState,
    startedAt: z.iso.datetime().optional(),
    finishedAt: z.iso.datetime().optional(),
    progress: progress.optional(),
    failure: failureDetail.optional(),
    attempts: z.array(attemptView).default([]).describe('Every try of its work, the oldest first.'),
    artifacts: z.array(artifactRef).default([]).describe('What it stored.'),
  })
  .meta({ id: 'StageView' });
export type StageView = z.infer<typeof stageView>;

/** A run as the gateway knows it from listening. */
export const runView = z
  .object({
    id: z.string(),
    name: z.string(),
    project: z.string().default(defaultProject).describe('Whose run it is: that of the key that asked for it.'),
    state: runState,
    createdAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    stages: z.array(stageView),
    dataset: preparedDataset.omit({ artifact: true }).optional().describe('What the dataset stage found out.'),
    plan: trainingPlan.optional(),
    training: trainedModel
      .omit({ artifact: true, plan: true, planArtifact: true })
      .optional()
      .describe('What the trainer found out.'),
    merge: mergedModel.omit({ artifact: true }).optional().describe('What the merger found out.'),
    results: z.array(benchmarkResult).optional(),
    verdict: verdict.optional(),
    verdictReason: z.string().optional(),
    verdictRule: verdictRule.optional(),
    alarms: z.array(evaluationAlarm).optional().describe('What to look at before believing the results.'),
    publishedTo: z.string().optional(),
    withheldBy: z.string().optional(),
    problems: z.array(specProblem).optional(),
    failure: failureDetail.optional(),
    spec: runSpec.optional(),
  })
  .meta({ id: 'RunView' });
export type RunView = z.infer<typeof runView>;

export const runList = z.object({ runs: z.array(runView) }).meta({ id: 'RunList' });
export const runAnswer = z.object({ run: runView }).meta({ id: 'RunAnswer' });
export const specAnswer = z.object({ spec: runSpec }).meta({ id: 'SpecAnswer' });

/** An artifact with the stage that stored it. */
export const artifactOfRun = artifactRef.extend({ stage: stageName }).meta({ id: 'ArtifactOfRun' });
export type ArtifactOfRun = z.infer<typeof artifactOfRun>;

export const artifactList = z.object({ artifacts: z.array(artifactOfRun) }).meta({ id: 'ArtifactList' });
export const artifactFiles = z
  .object({ artifact: artifactOfRun, files: z.array(manifestFile) })
  .meta({ id: 'ArtifactFiles' });
export type ArtifactFiles = z.infer<typeof artifactFiles>;

/** Where the bytes of a file are fetched, without a key, for a short while. */
export const artifactLink = z
  .object({ url: z.url(), expiresAt: z.iso.datetime(), file: manifestFile })
  .meta({ id: 'ArtifactLink' });
export type ArtifactLink = z.infer<typeof artifactLink>;

/** How a run is retried. */
export const retryWish = z
  .strictObject({
    from: stageName
      .optional()
      .describe(
        'This stage works again from what it was given, and those after it follow; without it, a failed run goes on from its last good stage.',
      ),
  })
  .meta({ id: 'RetryWish' });

export const runListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.string().min(1).optional().describe('Id of a run: those that are older are listed.'),
  state: runState.optional().describe('Only runs in this state.'),
  name: z.string().min(1).max(63).optional().describe('Only runs of this name.'),
});
export type RunListQuery = z.infer<typeof runListQuery>;

/** What a key of the API may do; each includes those before it. */
export const apiKeyScopes = ['read', 'submit', 'admin'] as const;

/** What one key may do less, or more often, than the gateway's configuration lets any key do. */
const keyLimits = {
  requestsPerSecond: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('REQUESTS_PER_SECOND of the gateway when left out.'),
  largestBodyBytes: z
    .int()
    .min(1024)
    .max(1024 * 1024)
    .optional()
    .describe('Of JSON and YAML; 1 MiB when left out.'),
  largestFileBytes: z
    .int()
    .min(1)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Counts where it is below LARGEST_FILE_BYTES of the gateway.'),
};

/** An API key as administrators see it: never its secret. */
export const apiKeyView = z
  .object({
    id: z.string(),
    name: z.string(),
    project: z.string(),
    scope: z.enum(apiKeyScopes),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().optional(),
    revokedAt: z.iso.datetime().optional(),
    lastUsedAt: z.iso.datetime().optional(),
    ...keyLimits,
  })
  .meta({ id: 'ApiKeyView' });
export type ApiKeyView = z.infer<typeof apiKeyView>;

/** What a new key is made of. */
export const apiKeyWish = z
  .strictObject({
    name: z.string().min(1).max(100),
    project: projectName.default(defaultProject),
    scope: z.enum(apiKeyScopes).default('submit'),
    expiresInDays: z.number().positive().max(3650).optional(),
    ...keyLimits,
  })
  .meta({ id: 'ApiKeyWish' });
export type ApiKeyWish = z.infer<typeof apiKeyWish>;

export const apiKeyList = z.object({ keys: z.array(apiKeyView) }).meta({ id: 'ApiKeyList' });
export const apiKeyAnswer = z.object({ key: apiKeyView }).meta({ id: 'ApiKeyAnswer' });
export const newApiKey = apiKeyAnswer
  .extend({ text: z.string().describe('The key itself, which is shown here and never again.') })
  .meta({ id: 'NewApiKey' });

/** The body of every error answer of the native API. */
export const apiError = z
  .object({ error: failureDetail.extend({ problems: z.array(specProblem).optional() }) })
  .meta({ id: 'ApiError' });
export type ApiError = z.infer<typeof apiError>;

const reportedAnswer = z.object({
  answer: z.string(),
  outcome: z
    .enum(['correct', 'wrong', 'unparsed', 'failed'])
    .describe('failed: the model could not be asked, so the item is not among those that are compared.'),
  letter: z.string().nullable().optional().describe('Of a multiple choice: what was found in the answer.'),
  step: z.int().optional().describe('How the letter was found: 1 to 3, or 0 for not at all.'),
  partial: z.number().optional().describe('With score json: share of the expected keys that are right.'),
  finish: z.enum(['stop', 'length', 'too_long', 'failed']).optional(),
  tokens: z.int().optional(),
  seconds: z.number().optional(),
});

const subjectResult = z.object({
  subject: z.string(),
  items: z.int().min(1),
  base: z.int().describe('Items that the base got right.'),
  tuned: z.int().describe('Items that the tuned model got right.'),
  gained: z.int(),
  lost: z.int(),
  pValue: z.number().describe('For reading only: the verdict does not look at single subjects.'),
});

const groupResult = z.object({
  group: z.string(),
  subjects: z.int().min(1).describe('How many it sums up.'),
  items: z.int().min(1),
  weighted: z.boolean().describe('Whether each item counts once, or else each subject.'),
  base: z.number().describe('Accuracy, from 0 to 1.'),
  tuned: z.number(),
});

/** The stored report of an evaluation: what every item's prompt, expectation and answers were. */
export const evaluationReport = z
  .object({
    runId: z.string(),
    verdict,
    reason: z.string(),
    rule: verdictRule.optional(),
    alarms: z.array(evaluationAlarm).optional(),
    results: z.array(benchmarkResult),
    subjects: z
      .record(z.string(), z.array(subjectResult))
      .optional()
      .describe('By benchmark; those that have subjects.'),
    groups: z
      .record(z.string(), z.array(groupResult))
      .optional()
      .describe('By benchmark: sums over subjects, by the rule of who made it; the verdict looks at items.'),
    flips: z
      .record(z.string(), z.object({ gained: z.array(z.string()), lost: z.array(z.string()) }))
      .optional()
      .describe('Ids of the items that only one of the two got right, by benchmark.'),
    settings: z.record(z.string(), z.unknown()),
    items: z.array(
      z.object({
        benchmark: z.string(),
        id: z.string(),
        subject: z.string().optional(),
        prompt: z.string(),
        expected: z.string(),
        base: reportedAnswer,
        tuned: reportedAnswer,
      }),
    ),
  })
  .meta({ id: 'EvaluationReport' });
export type EvaluationReport = z.infer<typeof evaluationReport>;
