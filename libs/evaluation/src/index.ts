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
export type { Message, Prompt } from './benchmarks/benchmark.js';
export { loadBenchmarks, type LoadedBenchmark } from './benchmarks/load.benchmarks.js';
export { BatchInference } from './inference/batch.inference.js';
export { GenerationEnded } from './inference/generation-ended.js';
export { INFERENCE, type Finish, type Inference, type Reply } from './inference/inference.js';
export { servedModel } from './inference/served-model.js';
export { ServerInference } from './inference/server.inference.js';
export { VllmInference } from './inference/vllm.inference.js';
export type { Outcome } from './scoring/outcome.js';
export { scoreNamed } from './scoring/score.js';
export { changed, pairsOf, resultsOf, type AnswerPair } from './verdict/results.js';
export { judge } from './verdict/verdict.js';
