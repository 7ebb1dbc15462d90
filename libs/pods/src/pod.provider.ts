import { ArtifactStore } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import { ClusterClient, clusterAccess, ClusterJobs, type ClusterWork, type Job } from '@anneal/kubernetes';
import { LOGGER, type Logger } from '@anneal/service';
import type { InjectionToken, Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { PodConfig } from './pod.config.js';
import { PodOrphans } from './pod.orphans.js';
import { Pods } from './pods.js';

interface PodService {
  readonly work: ClusterWork;
  /** The variable by which the cluster was chosen. */
  readonly chosenBy: string;
  /** Kinds of the jobs whose work runs in pods. */
  readonly kinds: readonly string[];
  /** An injectable that knows how a pod is stopped whose run was paused; it is removed when left out. */
  readonly stopper?: InjectionToken<{ stop(job: Job): Promise<void> }>;
}

/** What a service needs to work in pods. @throws Failure CONFIG_INVALID when something that it needs is not set */
export function podProviders(
  config: PodConfig & { readonly ADOPT_SECONDS: number },
  { work, chosenBy, kinds, stopper }: PodService,
): Provider[] {
  if (config.KUBERNETES_IMAGE === undefined) {
    throw new Failure('CONFIG_INVALID', `${chosenBy} is kubernetes, and KUBERNETES_IMAGE is not set.`, {
      remedy: 'Set it to the engine image, which the pods run.',
    });
  }
  const client = new ClusterClient(clusterAccess(config.KUBECONFIG, config.KUBERNETES_NAMESPACE));
  const jobs = new ClusterJobs(client, config.KUBERNETES_INSTALLATION, work);
  return [
    {
      provide: Pods,
      inject: [ArtifactStore, LOGGER],
      useFactory: (store: ArtifactStore, log: Logger) => new Pods(config, jobs, store, log),
    },
    {
      provide: PodOrphans,
      inject: [Pods, DataSource, LOGGER, ...(stopper === undefined ? [] : [stopper])],
      useFactory: (pods: Pods, dataSource: DataSource, log: Logger, stopping?: { stop(job: Job): Promise<void> }) => {
        const onPaused = (job: Job): Promise<void> => stopping?.stop(job) ?? pods.remove(job);
        return new PodOrphans({ pods, dataSource, log, kinds, onPaused });
      },
    },
  ];
}
