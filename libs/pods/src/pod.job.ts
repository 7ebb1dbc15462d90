import { podProcessEnv } from '@anneal/engine';
import { folders, type ClusterJob, type JobIdentity } from '@anneal/kubernetes';
import type { ClaimedJob } from '@anneal/jobs';
import type { PodConfig } from './pod.config.js';
import type { PodInput } from './pod.inputs.js';

/** What one pod does, beside what all pods of a service have in common. */
export interface PodPiece extends Pick<JobIdentity, 'part' | 'configDigest'> {
  readonly job: Pick<ClaimedJob<unknown>, 'id' | 'runId' | 'attempt' | 'turn' | 'token'>;
  /** Tells the starts of one attempt apart. */
  readonly start: string;
  readonly inputs: readonly PodInput[];
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** Beyond what every process of the engine gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly device: 'cpu' | 'gpu';
  /** How many, where the device is one. */
  readonly gpus: number;
  readonly maxSeconds?: number | undefined;
  /** From SIGTERM to SIGKILL. */
  readonly graceSeconds: number;
}

/** The Job of a start, as the operator of the service wants Jobs to be. */
export function describeJob(
  config: PodConfig,
  { installation, work }: Pick<JobIdentity, 'installation' | 'work'>,
  { job, start, inputs, part, configDigest, ...piece }: PodPiece,
): ClusterJob {
  const { KUBERNETES_IMAGE: image = '', KUBERNETES_ENGINE_CODE: code, KUBERNETES_PYTHON: python } = config;
  const { id: jobId, runId, attempt, turn, token } = job;
  return {
    identity: {
      ...{ installation, work, jobId, runId, attempt, turn, token, start, part, configDigest },
      inputs: JSON.stringify(inputs),
    },
    image,
    command: piece.command,
    args: piece.args,
    env: {
      ...podProcessEnv({ python }, { work: folders.work, code, device: piece.device, threads: config.KUBERNETES_CPUS }),
      ANNEAL_WORK: folders.work,
      ANNEAL_POLL_SECONDS: String(config.KUBERNETES_POLL_SECONDS),
      ...piece.env,
    },
    variables: piece.variables,
    files: piece.files,
    resources: {
      gpus: piece.device === 'gpu' ? piece.gpus : 0,
      cpus: config.KUBERNETES_CPUS,
      memory: config.KUBERNETES_MEMORY_GB,
      disk: config.KUBERNETES_DISK_GB,
      sharedMemory: config.KUBERNETES_SHM_GB,
    },
    maxSeconds: piece.maxSeconds,
    graceSeconds: piece.graceSeconds,
    settings: {
      gpuResource: config.KUBERNETES_GPU_RESOURCE,
      queue: config.KUBERNETES_QUEUE,
      cacheClaim: config.KUBERNETES_CACHE_CLAIM,
      nodeSelector: config.KUBERNETES_NODE_SELECTOR,
      pullSecret: config.KUBERNETES_PULL_SECRET,
      priorityClass: config.KUBERNETES_PRIORITY_CLASS,
      keepSeconds: config.KUBERNETES_KEEP_SECONDS,
    },
  };
}
