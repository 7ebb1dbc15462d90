export {
  batchesOf,
  batchName,
  outcomeOf,
  questionsOf,
  readablePrompt,
  unanswered,
  type AnsweredQuestion,
  type Question,
} from './asking/question.js';
export { benchmarkTexts, requireChecked } from './benchmarks/benchmark.texts.js';
export { fromHub } from './benchmarks/fetched.js';
export type { BenchmarkContext, Message, Prompt } from './benchmarks/benchmark.js';
export { loadBenchmarks, type LoadedBenchmark } from './benchmarks/load.benchmarks.js';
export { chatFormOf, fittedTo, hasShots } from './benchmarks/model.context.js';
export { configuredHarness, harnessConfigShape } from './harness/harness.config.js';
export { notInstalled } from './harness/described-task.js';
export type { InstalledHarness } from './harness/installed-harness.js';
export { TaskAsking, type HarnessPlace, type TaskRequest } from './harness/task.asking.js';
export type { HarnessItem } from './harness/samples.js';
export { answerLine, BatchInference } from './inference/batch.inference.js';
export { GenerationEnded } from './inference/generation-ended.js';
export { INFERENCE, type Finish, type Inference, type InferenceRequest, type Reply } from './inference/inference.js';
export { servedModel } from './inference/served-model.js';
export { ServerInference } from './inference/server.inference.js';
export { compareItemFiles, type Comparison } from './offline/compare.js';
export { mmluProPrompt, taskPrompt } from './offline/prompt.js';
export { rescoreMmluPro, type Rescored } from './offline/rescore.js';
export { groupScores, type GroupScore } from './report/group.scores.js';
export { makeReport } from './report/report.js';
export { reportFiles } from './report/report.files.js';
export { VllmInference } from './inference/vllm.inference.js';
export type { Outcome } from './scoring/outcome.js';
export { scoreNamed } from './scoring/score.js';
export { changed, type AnswerPair } from './verdict/results.js';
