import { Failure } from '@anneal/contracts';
import type { Job, Pod } from './cluster-objects.js';
import { containerName } from './training-job.js';

/** What a Job and its pod are at, in the terms of the trainer. */
export type PodState =
  | { readonly kind: 'waiting'; readonly why: string; readonly hopeless?: Failure }
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly code: number | null; readonly failure?: Failure };

const pullReasons = new Set(['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'RegistryUnavailable']);
const brokenReasons = new Set([
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);
/** How long after the end of its grace period a pod that is being deleted counts as lost with its node. */
const lostAfterMs = 30_000;

/** @param pod the newest of the Job's; undefined when there is none */
export function podState(job: Job | undefined, pod: Pod | undefined, now: number): PodState {
  const failed = conditionOf(job, 'Failed');
  const ended = pod && endOf(pod, now);
  if (failed?.reason === 'DeadlineExceeded') {
    const failure = new Failure('RUN_TIME_EXCEEDED', 'The Job ran for as long as it was allowed.', {
      remedy: 'Retry the run to go on from its last checkpoint, or request it with more training.maxHours.',
      field: 'training.maxHours',
    });
    return { kind: 'ended', code: ended?.code ?? null, failure };
  }
  if (ended) return ended;
  if (failed) {
    return gone(
      `The Job failed without a word of its pod: ${failed.message ?? failed.reason ?? 'no reason is given'}.`,
    );
  }
  if (job === undefined) return gone('The Job was deleted from outside.');
  if (conditionOf(job, 'Complete')) return { kind: 'ended', code: 0 };
  if (pod === undefined) {
    const suspended = job.spec?.suspend === true;
    return {
      kind: 'waiting',
      why: suspended ? 'waiting for its turn in the queue of the cluster' : 'waiting for its pod',
    };
  }
  return pod.status?.phase === 'Running' ? { kind: 'running' } : waiting(pod);
}

function gone(message: string): PodState {
  return { kind: 'ended', code: null, failure: killed(message) };
}

function endOf(pod: Pod, now: number): Extract<PodState, { kind: 'ended' }> | undefined {
  const { status, metadata } = pod;
  const terminated = stateOf(pod)?.terminated;
  const disrupted = status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
  const evicted = status?.reason === 'Evicted';
  const isOver = status?.phase === 'Failed' || status?.phase === 'Succeeded' || terminated !== undefined;
  if (!isOver) {
    const deleted = metadata.deletionTimestamp === undefined ? NaN : Date.parse(metadata.deletionTimestamp);
    if (!(now > deleted + lostAfterMs)) return undefined;
    const failure = killed(`The node ${pod.spec?.nodeName ?? 'of the pod'} was lost: nothing is heard of the pod.`);
    return { kind: 'ended', code: null, failure };
  }
  const code = terminated?.exitCode ?? null;
  const failure = evicted
    ? evictedFailure(status.message ?? '')
    : terminated?.reason === 'OOMKilled'
      ? new Failure('HOST_OUT_OF_MEMORY', 'The pod took more memory than its limit and was killed.', {
          remedy: 'Raise KUBERNETES_MEMORY_GB, lower training.microBatch, use lora, or take a smaller model.',
          field: 'training.microBatch',
        })
      : disrupted
        ? killed(
            `The pod was taken away (${disrupted.reason ?? 'no reason is given'}): ${disrupted.message ?? ''}`.trim(),
          )
        : status?.reason === 'NodeLost' || status?.reason === 'NodeShutdown' || status?.reason === 'Terminated'
          ? killed(`The node of the pod went away (${status.reason}).`)
          : undefined;
  return { kind: 'ended', code, ...(failure === undefined ? {} : { failure }) };
}

function evictedFailure(message: string): Failure {
  if (/ephemeral|emptyDir|storage|disk/i.test(message)) {
    return new Failure('DISK_FULL', `The pod was evicted for the disk that it took: ${message.trim()}`, {
      remedy: 'Raise KUBERNETES_DISK_GB, or keep fewer checkpoints.',
    });
  }
  return killed(`The pod was evicted: ${message.trim()}`);
}

function killed(message: string): Failure {
  return new Failure('KILLED', message, {
    remedy: 'It goes on from its last checkpoint; if it stays, look at the nodes of the cluster.',
  });
}

function waiting(pod: Pod): PodState {
  const held = stateOf(pod)?.waiting;
  const detail = held?.message ?? held?.reason ?? '';
  if (held?.reason !== undefined && (pullReasons.has(held.reason) || brokenReasons.has(held.reason))) {
    const isImage = pullReasons.has(held.reason) || held.reason === 'InvalidImageName';
    const failure = new Failure(
      'CLUSTER_REFUSED',
      isImage ? `The image cannot be pulled: ${detail}.` : `The container cannot be started: ${detail}.`,
      { remedy: isImage ? 'Check KUBERNETES_IMAGE and KUBERNETES_PULL_SECRET.' : 'Check the KUBERNETES_ variables.' },
    );
    return { kind: 'waiting', why: `waiting: ${held.reason}`, hopeless: failure };
  }
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    const reason = scheduled.message ?? scheduled.reason ?? '';
    return { kind: 'waiting', why: `waiting for a node: ${reason}`.slice(0, 200) };
  }
  return { kind: 'waiting', why: 'waiting for its container' };
}

function stateOf(pod: Pod) {
  return pod.status?.containerStatuses?.find(({ name }) => name === containerName)?.state;
}

function conditionOf(job: Job | undefined, type: string) {
  return job?.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}
