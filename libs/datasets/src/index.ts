export { PreparedFiles } from './prepared.files.js';
export { readRows } from './rows/read.rows.js';
export type { SourceField, StagedSource } from './sources/source.js';
export { stageSource, type Reach } from './sources/stage.source.js';
