import { join } from 'node:path';
import { makeEngineImage } from './engine-image.js';
import { SmallCluster } from './small-cluster.js';

/** A small cluster, and what a service has to know to work in it. */
export interface PodHost {
  readonly cluster: SmallCluster;
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts a cluster whose pods run the stand-in. */
export async function startPodHost(folder: string, standIn: { python: string }): Promise<PodHost> {
  const image = makeEngineImage(join(folder, 'image'), standIn);
  if (typeof image === 'string') throw new Error(image);
  const cluster = await SmallCluster.start(join(folder, 'cluster'));
  const environment = {
    KUBECONFIG: cluster.kubeConfig,
    KUBERNETES_IMAGE: 'registry.example.com/anneal-engine:test',
    KUBERNETES_PYTHON: image.python,
    KUBERNETES_ENGINE_CODE: image.code,
    KUBERNETES_POLL_SECONDS: '0.1',
  };
  return { cluster, environment };
}
