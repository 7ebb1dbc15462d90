import type { TrainingPlan } from '@anneal/contracts';
import { podCommand, podProcessEnv } from '@anneal/engine';
import type { ClaimedJob } from '@anneal/jobs';
import { folders, type TrainingJob } from '@anneal/kubernetes';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import type { PodInput } from './pod.inputs.js';

/** Beyond the limit of a training: to load, to write its last checkpoint, and to end. */
const aroundLimitSeconds = 600;
/** Of the grace period, for the training to end; in the rest its checkpoint is sent. */
const shareToEnd = 0.6;

/** What one start of a training is made of, beside its job and plan. */
export interface PodStart {
  readonly start: string;
  readonly yaml: string;
  readonly configDigest: string;
  readonly inputs: readonly PodInput[];
  readonly secondsLeft: number | undefined;
}

/** The Job of a start, as the operator of the trainer wants Jobs to be. */
export function describePod(
  config: TrainerConfig,
  { id, runId, attempt, turn, token, input: { spec } }: ClaimedJob<TrainInput>,
  { device, processes }: Pick<TrainingPlan, 'device' | 'processes'>,
  { start, yaml, configDigest, inputs, secondsLeft }: PodStart,
): TrainingJob {
  const { KUBERNETES_IMAGE: image = '', KUBERNETES_ENGINE_CODE: code, KUBERNETES_PYTHON: python } = config;
  const { CHECKPOINT_SECONDS: graceSeconds } = config;
  return {
    identity: {
      ...{ installation: config.KUBERNETES_INSTALLATION, jobId: id, runId, attempt, turn, token, start, configDigest },
      inputs: JSON.stringify(inputs),
    },
    image,
    ...podCommand({ python }, { device, processes }),
    env: {
      ...podProcessEnv({ python }, { work: folders.work, code, device, threads: config.KUBERNETES_CPUS }),
      ANNEAL_WORK: folders.work,
      ANNEAL_CHECKPOINT_SECONDS: String(config.CHECKPOINT_UPLOAD_SECONDS),
      ANNEAL_GRACE_SECONDS: String(Math.ceil(graceSeconds * shareToEnd)),
      ANNEAL_POLL_SECONDS: String(config.KUBERNETES_POLL_SECONDS),
    },
    config: yaml,
    processes,
    modelName: spec.name,
    resources: {
      gpus: device === 'gpu' ? processes : 0,
      cpus: config.KUBERNETES_CPUS,
      memory: config.KUBERNETES_MEMORY_GB,
      disk: config.KUBERNETES_DISK_GB,
      sharedMemory: config.KUBERNETES_SHM_GB,
    },
    // Kubernetes counts from the Job's start, and so the time in which it waits for a node.
    maxSeconds:
      secondsLeft === undefined ? undefined : secondsLeft + aroundLimitSeconds + config.KUBERNETES_SCHEDULE_SECONDS,
    graceSeconds,
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
