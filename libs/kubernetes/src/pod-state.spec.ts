import { describe, expect, it } from 'vitest';
import { job as jobSchema, pod as podSchema } from './cluster-objects.js';
import { podState } from './pod-state.js';

const now = Date.parse('2026-11-28T12:00:00Z');
const job = (conditions: object[] = [], spec = {}) =>
  jobSchema.parse({ metadata: { name: 'anneal-x-a1' }, spec, status: { conditions } });
const pod = (status: object, metadata = {}) =>
  podSchema.parse({ metadata: { name: 'anneal-x-a1-1', ...metadata }, spec: { nodeName: 'node-3' }, status });
const container = (state: object) => [{ name: 'train', state }];
const terminated = (exitCode: number, reason: string) => ({
  phase: exitCode === 0 ? 'Succeeded' : 'Failed',
  containerStatuses: container({ terminated: { exitCode, reason } }),
});
const disrupted = (reason: string) => [{ type: 'DisruptionTarget', status: 'True', reason, message: 'why' }];

describe('a pod that ended', () => {
  it.each([
    ['well', terminated(0, 'Completed'), { code: 0 }],
    ['by its own error', terminated(1, 'Error'), { code: 1 }],
    ['over its memory', terminated(137, 'OOMKilled'), { code: 137, failure: { code: 'HOST_OUT_OF_MEMORY' } }],
    [
      'over its disk',
      { ...terminated(137, 'Error'), reason: 'Evicted', message: 'Usage of EmptyDir volume "work" exceeds the limit' },
      { failure: { code: 'DISK_FULL', retryable: false } },
    ],
    [
      'for want of memory of its node',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
      { code: null, failure: { code: 'KILLED', retryable: true } },
    ],
    [
      'for a pod of higher priority',
      { ...terminated(143, 'Error'), conditions: disrupted('PreemptionByScheduler') },
      { failure: { code: 'KILLED', message: expect.stringContaining('PreemptionByScheduler') as string } },
    ],
    ['with its node', { phase: 'Failed', reason: 'NodeShutdown' }, { failure: { code: 'KILLED' } }],
  ])('%s', (_how, status, expected) => {
    expect(podState('training', job(), pod(status), now)).toMatchObject({ kind: 'ended', ...expected });
  });

  it.each([
    ['training', 'train', 'training.microBatch', /training.microBatch/, /last checkpoint/],
    ['merge', 'merge', undefined, /of the merger/, /tried again/],
    ['evaluation', 'eval', undefined, /BATCH of the evaluator/, /not answered/],
  ] as const)('is told what to do about it as a %s', (work, name, field, memory, gone) => {
    const state = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
    const killed = pod({ phase: 'Failed', containerStatuses: [{ name, state }] });
    const failureOf = (its: typeof killed) => {
      const ended = podState(work, job(), its, now);
      return ended.kind === 'ended' ? ended.failure : undefined;
    };
    expect(failureOf(killed)).toMatchObject({ code: 'HOST_OUT_OF_MEMORY', field });
    expect(failureOf(killed)?.remedy).toMatch(memory);
    expect(failureOf(pod({ phase: 'Failed', reason: 'NodeShutdown' }))?.remedy).toMatch(gone);
  });

  it('is lost when its end is not told long after it was to end', () => {
    const lost = pod({ phase: 'Running' }, { deletionTimestamp: '2026-11-28T11:59:00Z' });
    expect(podState('training', job(), lost, now)).toMatchObject({
      kind: 'ended',
      failure: { code: 'KILLED', message: expect.stringContaining('node-3') as string },
    });
    expect(podState('training', job(), lost, Date.parse('2026-11-28T11:59:10Z'))).toEqual({ kind: 'running' });
  });
});

describe('a Job that ended', () => {
  it('ran out of time', () => {
    const failed = job([{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }]);
    expect(podState('training', failed, pod({ phase: 'Running' }), now)).toMatchObject({
      kind: 'ended',
      failure: { code: 'RUN_TIME_EXCEEDED' },
    });
  });

  it('without a word of its pod, or deleted from outside, is tried again', () => {
    const failed = job([{ type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }]);
    for (const gone of [failed, undefined]) {
      expect(podState('training', gone, undefined, now)).toMatchObject({
        kind: 'ended',
        code: null,
        failure: { retryable: true },
      });
    }
  });
});

describe('a pod that waits', () => {
  it.each([
    ['for the queue', job([], { suspend: true }), undefined, /queue of the cluster/],
    ['to be made', job(), undefined, /its pod/],
    [
      'for a node',
      job(),
      pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: '0/3 nodes' }] }),
      /a node: 0\/3 nodes/,
    ],
    ['for its container', job(), pod({ phase: 'Pending' }), /its container/],
  ])('%s', (_for, of, its, why) => {
    expect(podState('training', of, its, now)).toEqual({ kind: 'waiting', why: expect.stringMatching(why) as string });
  });

  it.each(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'CreateContainerConfigError'])(
    'in vain, with %s',
    (reason) => {
      const stuck = pod({ phase: 'Pending', containerStatuses: container({ waiting: { reason, message: 'no' } }) });
      const hopeless: unknown = expect.objectContaining({ code: 'CLUSTER_REFUSED', retryable: false });
      expect(podState('training', job(), stuck, now)).toMatchObject({ kind: 'waiting', hopeless });
    },
  );
});
