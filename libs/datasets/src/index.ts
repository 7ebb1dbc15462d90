export { PreparedFiles } from './prepared.files.js';
export { readSourceBatches, type FileBatch } from './readers/read.file.js';
export { readRows } from './rows/read.rows.js';
export { fetchHubDataset, type HubDataset, type HubDatasetOptions } from './sources/hub.dataset.js';
export type { Reach } from './sources/reach.js';
export type { SourceField, SourceFile, StagedSource } from './sources/source.js';
export { SourceCache } from './sources/source.cache.js';
export { stageSource } from './sources/stage.source.js';
