import { Failure } from '@anneal/contracts';
import type { Job, Pod } from './cluster-objects.js';
import { containerNames, type ClusterWork } from './cluster-work.js';

/** What a Job and its pod are at, in the terms of the services. */
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

interface Advice {
  readonly remedy: string;
  readonly field?: string;
}

/** What to do when a pod took more memory than it has, and when it is gone. */
const advice: Readonly<Record<ClusterWork, { memory: Advice; gone: string }>> = {
  training: {
    memory: {
      remedy: 'Raise KUBERNETES_MEMORY_GB, lower training.microBatch, use lora, or take a smaller model.',
      field: 'training.microBatch',
    },
    gone: 'It goes on from its last checkpoint; if it stays, look at the nodes of the cluster.',
  },
  merge: {
    memory: { remedy: 'Raise KUBERNETES_MEMORY_GB of the merger, or take a smaller model.' },
    gone: 'It is tried again; if it stays, look at the nodes of the cluster.',
  },
  evaluation: {
    memory: { remedy: 'Raise KUBERNETES_MEMORY_GB or lower BATCH of the evaluator, or take a smaller model.' },
    gone: 'It goes on with what is not answered; if it stays, look at the nodes of the cluster.',
  },
};

/** @param pod the newest of the Job's; undefined when there is none */
export function podState(work: ClusterWork, job: Job | undefined, pod: Pod | undefined, now: number): PodState {
  const failed = conditionOf(job, 'Failed');
  const ended = pod && endOf(work, pod, now);
  if (failed?.reason === 'DeadlineExceeded') {
    const failure = new Failure('RUN_TIME_EXCEEDED', 'The Job ran for as long as it was allowed.', {
      remedy: 'Retry the run to go on from its last checkpoint, or request it with more training.maxHours.',
      field: 'training.maxHours',
    });
    return { kind: 'ended', code: ended?.code ?? null, failure };
  }
  if (ended) return ended;
  if (failed) {
    const reason = failed.message ?? failed.reason ?? 'no reason is given';
    return gone(work, `The Job failed without a word of its pod: ${reason}.`);
  }
  if (job === undefined) return gone(work, 'The Job was deleted from outside.');
  if (conditionOf(job, 'Complete')) return { kind: 'ended', code: 0 };
  if (pod === undefined) {
    const suspended = job.spec?.suspend === true;
    return {
      kind: 'waiting',
      why: suspended ? 'waiting for its turn in the queue of the cluster' : 'waiting for its pod',
    };
  }
  return pod.status?.phase === 'Running' ? { kind: 'running' } : waiting(work, pod);
}

function gone(work: ClusterWork, message: string): PodState {
  return { kind: 'ended', code: null, failure: killed(work, message) };
}

function endOf(work: ClusterWork, pod: Pod, now: number): Extract<PodState, { kind: 'ended' }> | undefined {
  const { status, metadata } = pod;
  const terminated = stateOf(work, pod)?.terminated;
  const disrupted = status?.conditions?.find(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True');
  const evicted = status?.reason === 'Evicted';
  const isOver = status?.phase === 'Failed' || status?.phase === 'Succeeded' || terminated !== undefined;
  if (!isOver) {
    const deleted = metadata.deletionTimestamp === undefined ? NaN : Date.parse(metadata.deletionTimestamp);
    if (!(now > deleted + lostAfterMs)) return undefined;
    const failure = killed(
      work,
      `The node ${pod.spec?.nodeName ?? 'of the pod'} was lost: nothing is heard of the pod.`,
    );
    return { kind: 'ended', code: null, failure };
  }
  const code = terminated?.exitCode ?? null;
  const failure = evicted
    ? evictedFailure(work, status.message ?? '')
    : terminated?.reason === 'OOMKilled'
      ? new Failure(
          'HOST_OUT_OF_MEMORY',
          'The pod took more memory than its limit and was killed.',
          advice[work].memory,
        )
      : disrupted
        ? killed(
            work,
            `The pod was taken away (${disrupted.reason ?? 'no reason is given'}): ${disrupted.message ?? ''}`.trim(),
          )
        : status?.reason === 'NodeLost' || status?.reason === 'NodeShutdown' || status?.reason === 'Terminated'
          ? killed(work, `The node of the pod went away (${status.reason}).`)
          : undefined;
  return { kind: 'ended', code, ...(failure === undefined ? {} : { failure }) };
}

function evictedFailure(work: ClusterWork, message: string): Failure {
  if (/ephemeral|emptyDir|storage|disk/i.test(message)) {
    return new Failure('DISK_FULL', `The pod was evicted for the disk that it took: ${message.trim()}`, {
      remedy:
        work === 'training' ? 'Raise KUBERNETES_DISK_GB, or keep fewer checkpoints.' : 'Raise KUBERNETES_DISK_GB.',
    });
  }
  return killed(work, `The pod was evicted: ${message.trim()}`);
}

function killed(work: ClusterWork, message: string): Failure {
  return new Failure('KILLED', message, { remedy: advice[work].gone });
}

function waiting(work: ClusterWork, pod: Pod): PodState {
  const held = stateOf(work, pod)?.waiting;
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

function stateOf(work: ClusterWork, pod: Pod) {
  return pod.status?.containerStatuses?.find(({ name }) => name === containerNames[work])?.state;
}

function conditionOf(job: Job | undefined, type: string) {
  return job?.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
}
