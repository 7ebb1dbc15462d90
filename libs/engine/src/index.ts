export {
  fetchCommand,
  generateCommand,
  mergeCommand,
  parityCommand,
  trainCommand,
  type EngineCommand,
  type GenerateOptions,
} from './axolotl-commands.js';
export { unknownKeys, type UnknownKey } from './axolotl-schema.js';
export { locateBaseModel, pinBaseModel, type LocatedModel, type LocateOptions } from './base-model.js';
export { findCompleteCheckpoint, findNewestCheckpoint, type Checkpoint, type CheckpointSearch } from './checkpoints.js';
export { engineProcessEnv, fetchProcessEnv, type EngineLocation, type EngineProcess } from './engine-environment.js';
export { lmEvalCommand, lmEvalProcessEnv, type LmEvalOptions } from './lm-eval-command.js';
export { demandModelFolder } from './model-folder.js';
export { engineVersions } from './engine-versions.js';
export { engineEvent, type EngineEvent } from './engine-events.js';
export { vllmCommand, vllmProcessEnv } from './vllm-command.js';
export { trainOutcome, type EndedTraining, type TrainFailureCode, type TrainOutcome } from './train-outcome.js';
