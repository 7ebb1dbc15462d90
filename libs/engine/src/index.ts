export {
  checkManyCommand,
  fetchCommand,
  generateCommand,
  mergeCommand,
  parityCommand,
  podCommand,
  podGenerateCommand,
  podMergeCommand,
  trainCommand,
  type EngineCommand,
  type GenerateOptions,
  type PodCommand,
} from './axolotl-commands.js';
export { axolotlConfig, renderYaml, type AxolotlInput, type AxolotlPaths } from './axolotl/axolotl.config.js';
export { importAxolotlConfig, type ImportedConfig, type ImportedKey } from './axolotl/import.config.js';
export { unknownKeys, type UnknownKey } from './axolotl-schema.js';
export {
  locateBaseModel,
  pinBaseModel,
  readMaxPositions,
  type LocatedModel,
  type LocateOptions,
} from './base-model.js';
export { findCompleteCheckpoint, findNewestCheckpoint, type Checkpoint, type CheckpointSearch } from './checkpoints.js';
export {
  engineHas,
  engineProcessEnv,
  fetchProcessEnv,
  podProcessEnv,
  type EngineLocation,
  type EngineProcess,
} from './engine-environment.js';
export { engineEvent, type EngineEvent } from './engine-events.js';
export { findKnownModel } from './known-model.js';
export { readHubModelSize, readModelSize, type HubAccess, type ModelSize } from './model-size.js';
export { readStoredModelSize } from './stored-model.js';
export {
  askTaskCommand,
  describeTaskCommand,
  lmEvalProcessEnv,
  type LmEvalModel,
  type LmEvalTask,
} from './lm-eval-command.js';
export { demandModelFolder } from './model-folder.js';
export { engineVersions, lockedPackages } from './engine-versions.js';
export { vllmCommand, vllmProcessEnv } from './vllm-command.js';
export { trainOutcome, type EndedTraining, type TrainFailureCode, type TrainOutcome } from './train-outcome.js';
export { findFetchedModel } from './hub-model.js';
