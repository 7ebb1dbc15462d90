import { deviceProviders } from '@anneal/devices';
import { podProviders } from '@anneal/pods';
import type { Provider } from '@nestjs/common';
import { TrainingQueue } from '../queue/training.queue.js';
import { TrainingRoom } from '../queue/training.room.js';
import type { TrainerConfig } from '../trainer.config.js';
import { LaunchTraining } from '../training/launch.training.js';
import { SlotMetrics } from '../training/slot.metrics.js';
import { StoreCheckpoints } from '../training/store.checkpoints.js';
import { KubernetesHost } from './kubernetes.host.js';
import { LocalHost } from './local.host.js';
import { TRAINING_HOST } from './training.host.js';

const local = (config: TrainerConfig): Provider[] => [
  StoreCheckpoints,
  LaunchTraining,
  SlotMetrics,
  ...deviceProviders(config, 'trainer', TrainingRoom),
  TrainingRoom,
  TrainingQueue,
  LocalHost,
  { provide: TRAINING_HOST, useExisting: LocalHost },
];

/** What the chosen training host is made of. @throws Failure CONFIG_INVALID when something that it needs is not set */
export function hostProviders(config: TrainerConfig): Provider[] {
  if (config.TRAINING_HOST === 'local') return local(config);
  return [
    ...podProviders(config, {
      work: 'training',
      chosenBy: 'TRAINING_HOST',
      kinds: ['train'],
      stopper: KubernetesHost,
    }),
    KubernetesHost,
    { provide: TRAINING_HOST, useExisting: KubernetesHost },
  ];
}
