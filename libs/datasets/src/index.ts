export type { BenchmarkText } from './contamination/benchmark.index.js';
export { prepareSetInThread } from './preparation/prepare.set.in-thread.js';
export type { SetInput } from './preparation/set.input.js';
export { summaryOf } from './preparation/set.report.js';
export { readSourceBatches, type FileBatch } from './readers/read.file.js';
export { fetchHubDataset, type HubDataset, type HubDatasetOptions } from './sources/hub.dataset.js';
export type { Reach } from './sources/reach.js';
export type { SourceField, SourceFile, StagedSource } from './sources/source.js';
export { SourceCache } from './sources/source.cache.js';
export { stageSource } from './sources/stage.source.js';
export {
  readTokenizerFiles,
  tokenizerDigest,
  type TokenizerFileName,
  type TokenizerFiles,
} from './tokens/tokenizer.files.js';
