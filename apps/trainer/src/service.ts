import { BaseModels, cacheProvider, defineService, storeProvider, worker } from '@anneal/service';
import { hostProviders } from './host/host.providers.js';
import { CreateTraining1767225600000 } from './migrations/1767225600000-CreateTraining.js';
import { CreateTrainingCheckpoint1767225700000 } from './migrations/1767225700000-CreateTrainingCheckpoint.js';
import { CreateDeviceRequest1767226000000 } from './migrations/1767226000000-CreateDeviceRequest.js';
import { CreateTrainingMemory1767226100000 } from './migrations/1767226100000-CreateTrainingMemory.js';
import { AddTrainingObjective1767226300000 } from './migrations/1767226300000-AddTrainingObjective.js';
import { AddCheckpointRemoval1767226400000 } from './migrations/1767226400000-AddCheckpointRemoval.js';
import { MemoryTable } from './plan/memory.table.js';
import { SettleTraining } from './plan/settle.training.js';
import { forgetTraining } from './plan/forget.training.js';
import { TrainingTable } from './plan/training.table.js';
import { DropDeviceRequest1767226200000 } from './migrations/1767226200000-DropDeviceRequest.js';
import { trainInput } from './train.input.js';
import { TrainModelWork } from './train.work.js';
import { trainerConfig } from './trainer.config.js';
import { TrainerConsumer } from './trainer.consumer.js';
import { CheckpointRetention } from './training/checkpoint.retention.js';
import { CheckpointTable } from './training/checkpoint.table.js';
import { Leftovers } from './training/leftovers.js';
import { RemovalTable } from './training/removal.table.js';
import { StoreResult } from './training/store.result.js';
import { TrainingProgress } from './training/training.progress.js';

export const trainerService = defineService({
  name: 'trainer',
  stage: 'trainer',
  config: trainerConfig,
  migrations: [
    CreateTraining1767225600000,
    CreateTrainingCheckpoint1767225700000,
    CreateDeviceRequest1767226000000,
    CreateTrainingMemory1767226100000,
    DropDeviceRequest1767226200000,
    AddTrainingObjective1767226300000,
    AddCheckpointRemoval1767226400000,
  ],
  module: (config) => ({
    controllers: [TrainerConsumer],
    providers: [
      storeProvider(config, { publicEndpoint: config.KUBERNETES_STORE_ENDPOINT }),
      cacheProvider(config),
      BaseModels,
      TrainingTable,
      MemoryTable,
      SettleTraining,
      CheckpointTable,
      RemovalTable,
      CheckpointRetention,
      Leftovers,
      StoreResult,
      TrainingProgress,
      ...hostProviders(config),
      TrainModelWork,
    ],
  }),
  workers: [
    worker({ kind: 'train', input: trainInput, work: TrainModelWork, follows: 'dataset', forget: forgetTraining }),
  ],
});
