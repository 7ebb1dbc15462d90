import { z } from 'zod';
import { stageName } from './event.js';
import { failureDetail } from './failure.js';
import { progress } from './progress.js';
import { runSpec, specProblem } from './run-spec.js';
import { benchmarkResult, trainingPlan, verdict } from './stage.events.js';

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
  })
  .meta({ id: 'StageView' });
export type StageView = z.infer<typeof stageView>;

/** A run as the gateway knows it from listening. */
export const runView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: runState,
    createdAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    stages: z.array(stageView),
    plan: trainingPlan.optional(),
    results: z.array(benchmarkResult).optional(),
    verdict: verdict.optional(),
    verdictReason: z.string().optional(),
    publishedTo: z.string().optional(),
    withheldBy: z.string().optional(),
    problems: z.array(specProblem).optional(),
    failure: failureDetail.optional(),
    spec: runSpec.optional(),
  })
  .meta({ id: 'RunView' });
export type RunView = z.infer<typeof runView>;

export const runList = z.object({ runs: z.array(runView) }).meta({ id: 'RunList' });

/** The body of every error answer of the native API. */
export const apiError = z
  .object({ error: failureDetail.extend({ problems: z.array(specProblem).optional() }) })
  .meta({ id: 'ApiError' });
export type ApiError = z.infer<typeof apiError>;

/** The stored report of an evaluation: what every item's prompt, expectation and answers were. */
export const evaluationReport = z
  .object({
    runId: z.string(),
    verdict,
    reason: z.string(),
    results: z.array(benchmarkResult),
    settings: z.record(z.string(), z.unknown()),
    items: z.array(
      z.object({
        benchmark: z.string(),
        id: z.string(),
        prompt: z.string(),
        expected: z.string(),
        base: z.object({ answer: z.string(), outcome: z.enum(['correct', 'wrong', 'unparsed']) }),
        tuned: z.object({ answer: z.string(), outcome: z.enum(['correct', 'wrong', 'unparsed']) }),
      }),
    ),
  })
  .meta({ id: 'EvaluationReport' });
export type EvaluationReport = z.infer<typeof evaluationReport>;
