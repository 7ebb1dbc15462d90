import { Failure } from '@anneal/contracts';
import { ClusterClient, clusterAccess, TrainingJobs } from '@anneal/kubernetes';
import type { Provider } from '@nestjs/common';
import { DeviceTable } from '../queue/device.table.js';
import { HostDevices } from '../queue/host.devices.js';
import { TrainingQueue } from '../queue/training.queue.js';
import type { TrainerConfig } from '../trainer.config.js';
import { LaunchTraining } from '../training/launch.training.js';
import { SlotMetrics } from '../training/slot.metrics.js';
import { StoreCheckpoints } from '../training/store.checkpoints.js';
import { JobOrphans } from './job.orphans.js';
import { KubernetesHost } from './kubernetes.host.js';
import { LocalHost } from './local.host.js';
import { TRAINING_HOST } from './training.host.js';

const local: Provider[] = [
  StoreCheckpoints,
  LaunchTraining,
  SlotMetrics,
  HostDevices,
  DeviceTable,
  TrainingQueue,
  LocalHost,
  { provide: TRAINING_HOST, useExisting: LocalHost },
];

/** What the chosen training host is made of. @throws Failure CONFIG_INVALID when something that it needs is not set */
export function hostProviders(config: TrainerConfig): Provider[] {
  if (config.TRAINING_HOST === 'local') return local;
  if (config.KUBERNETES_IMAGE === undefined) {
    throw new Failure('CONFIG_INVALID', 'TRAINING_HOST is kubernetes, and KUBERNETES_IMAGE is not set.', {
      remedy: 'Set it to the engine image, which the pods of trainings run.',
    });
  }
  const client = new ClusterClient(clusterAccess(config.KUBECONFIG, config.KUBERNETES_NAMESPACE));
  return [
    { provide: TrainingJobs, useValue: new TrainingJobs(client, config.KUBERNETES_INSTALLATION) },
    KubernetesHost,
    JobOrphans,
    { provide: TRAINING_HOST, useExisting: KubernetesHost },
  ];
}
