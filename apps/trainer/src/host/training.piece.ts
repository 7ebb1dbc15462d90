import type { TrainingPlan } from '@anneal/contracts';
import { podCommand } from '@anneal/engine';
import type { ClaimedJob } from '@anneal/jobs';
import { folders } from '@anneal/kubernetes';
import type { PodInput, PodPiece } from '@anneal/pods';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';

/** Beyond the limit of a training: to load, to write its last checkpoint, and to end. */
const aroundLimitSeconds = 600;
/** Of the grace period, for the training to end; in the rest its checkpoint is sent. */
const shareToEnd = 0.6;
const configName = 'axolotl.yaml';

/** What one start of a training is made of, beside its job and plan. */
export interface TrainingStart {
  readonly start: string;
  readonly yaml: string;
  readonly configDigest: string;
  readonly inputs: readonly PodInput[];
  readonly secondsLeft: number | undefined;
}

/** What the pod of a start does. */
export function trainingPiece(
  config: TrainerConfig,
  job: ClaimedJob<TrainInput>,
  { device, processes }: Pick<TrainingPlan, 'device' | 'processes'>,
  { start, yaml, configDigest, inputs, secondsLeft }: TrainingStart,
): PodPiece {
  const { CHECKPOINT_SECONDS: graceSeconds, KUBERNETES_PYTHON: python } = config;
  return {
    ...{ job, start, inputs, configDigest, device, gpus: processes, graceSeconds },
    ...podCommand({ python }, { device, processes }),
    env: {
      ANNEAL_CHECKPOINT_SECONDS: String(config.CHECKPOINT_UPLOAD_SECONDS),
      ANNEAL_GRACE_SECONDS: String(Math.ceil(graceSeconds * shareToEnd)),
    },
    // The knobs by which people know such Jobs.
    variables: {
      NUM_PROCESSES: String(processes),
      YAML_FILE: `${folders.config}/${configName}`,
      MODEL_NAME: job.input.spec.name,
    },
    files: { [configName]: yaml },
    // Kubernetes counts from the Job's start, and so the time in which it waits for a node.
    maxSeconds:
      secondsLeft === undefined ? undefined : secondsLeft + aroundLimitSeconds + config.KUBERNETES_SCHEDULE_SECONDS,
  };
}
