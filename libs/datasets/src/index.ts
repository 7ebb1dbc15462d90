export type { BenchmarkText } from './contamination/benchmark.index.js';
export { prepareSetInThread } from './preparation/prepare.set.in-thread.js';
export { prepareSet, summaryOf, type SetInput } from './preparation/prepare.set.js';
export type { SourceField, StagedSource } from './sources/source.js';
export { stageSource, type Reach } from './sources/stage.source.js';
export {
  readTokenizerFiles,
  tokenizerDigest,
  type TokenizerFileName,
  type TokenizerFiles,
} from './tokens/tokenizer.files.js';
