import { join } from 'node:path';
import { now, type ClusterObject, type ClusterObjects } from './cluster-objects.js';
import { PodProcess, type PodSpec } from './pod-process.js';

/** What is to happen to pods that are made from now on. */
export interface PodFaults {
  /** The image is not there. */
  readonly imagePull?: boolean;
  /** No node has room. */
  readonly unschedulable?: boolean;
}

/** Makes the pods of Jobs, runs them, and writes down how they ended. */
export class JobController {
  faults: PodFaults = {};
  readonly pods = new Map<string, PodProcess>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private count = 0;

  constructor(
    private readonly objects: ClusterObjects,
    private readonly folder: string,
  ) {}

  /** Starts a Job that is not suspended. */
  begin(job: ClusterObject): void {
    if (job.spec?.['suspend'] === true) return;
    const deadline = job.spec?.['activeDeadlineSeconds'];
    if (typeof deadline === 'number') {
      this.later(deadline * 1000, () => void this.exceedDeadline(job.metadata.name));
    }
    this.makePod(job);
  }

  makePod(job: ClusterObject): void {
    const { name, uid = '' } = job.metadata;
    const template = job.spec?.['template'] as { metadata: ClusterObject['metadata']; spec: PodSpec };
    const podName = `${name}-${(this.count += 1)}`;
    this.objects.create('pods', {
      metadata: {
        name: podName,
        labels: { ...template.metadata.labels, 'batch.kubernetes.io/job-name': name },
        annotations: { ...template.metadata.annotations },
        ownerReferences: [{ uid }],
      },
      spec: { ...template.spec },
      status: { phase: 'Pending', conditions: [] },
    });
    if (this.faults.unschedulable) {
      const message = '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.';
      const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message };
      this.objects.update('pods', podName, ({ status = {} }) => Object.assign(status, { conditions: [condition] }));
    } else if (this.faults.imagePull) {
      const message = 'Back-off pulling image "registry.example.com/engine:none"';
      const state = { waiting: { reason: 'ImagePullBackOff', message } };
      this.setState(podName, 'Pending', state);
    } else this.tryToRun(job.metadata.name, podName, template.spec);
  }

  /** The end of a pod from outside, as the API tells it. */
  async evict(jobName: string, message: string): Promise<void> {
    const [podName, process] = this.podOf(jobName);
    process.kill();
    await this.ended(process);
    this.objects.update('pods', podName, (pod) => Object.assign(pod.status ?? {}, { reason: 'Evicted', message }));
  }

  async kill(jobName: string, reason: string): Promise<void> {
    const [podName, process] = this.podOf(jobName);
    this.reasons.set(podName, reason);
    process.kill();
    await this.ended(process);
  }

  /** The kubelet is not heard of any more; what the pod does, nobody knows. The pod is taken away and stays. */
  loseNode(jobName: string, deletedSecondsAgo: number): PodProcess {
    const [podName, process] = this.podOf(jobName);
    this.lost.add(podName);
    const deletedAt = `${new Date(Date.now() - deletedSecondsAgo * 1000).toISOString().slice(0, 19)}Z`;
    this.objects.update('pods', podName, (pod) => {
      pod.metadata.deletionTimestamp = deletedAt;
      const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' };
      Object.assign(pod.status ?? {}, { conditions: [condition] });
    });
    return process;
  }

  /** As a drained node or a preemption does: SIGTERM, the grace period, and the condition that says why. */
  async drain(jobName: string): Promise<void> {
    const [podName, process] = this.podOf(jobName);
    const { terminationGracePeriodSeconds = 30 } = this.objects.get('pods', podName)?.spec as unknown as PodSpec;
    this.objects.update('pods', podName, (pod) => {
      const message = 'Eviction API: evicting';
      const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message };
      pod.metadata.deletionTimestamp = now();
      Object.assign(pod.status ?? {}, { conditions: [condition] });
    });
    await process.end(terminationGracePeriodSeconds);
  }

  /** Kubernetes ends the pod first, and then the Job is gone. */
  async delete(job: ClusterObject): Promise<void> {
    const { name, uid } = job.metadata;
    this.objects.update('jobs', name, ({ metadata }) => (metadata.deletionTimestamp ??= now()));
    for (const pod of this.objects.list('pods').filter(({ metadata }) => ownedBy(metadata, uid))) {
      const podName = pod.metadata.name;
      this.objects.update('pods', podName, ({ metadata }) => (metadata.deletionTimestamp ??= now()));
      const { terminationGracePeriodSeconds = 30 } = pod.spec as unknown as PodSpec;
      if (this.lost.has(podName)) continue;
      await this.pods.get(podName)?.end(terminationGracePeriodSeconds);
      this.objects.remove('pods', podName);
    }
    this.objects.remove('jobs', name);
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
    for (const process of this.pods.values()) process.kill();
  }

  private readonly reasons = new Map<string, string>();
  private readonly lost = new Set<string>();

  private podOf(jobName: string): [string, PodProcess] {
    const found = [...this.pods].findLast(([name]) => name.startsWith(`${jobName}-`));
    if (found === undefined) throw new Error(`${jobName} has no pod that ran`);
    return found;
  }

  private tryToRun(jobName: string, podName: string, spec: PodSpec): void {
    const pod = this.objects.get('pods', podName);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    const values = (kind: 'configmaps' | 'secrets', name: string): Record<string, string> | undefined => {
      const object = this.objects.get(kind, name);
      return (object?.['data'] ?? object?.['stringData']) as Record<string, string> | undefined;
    };
    const process = PodProcess.start(join(this.folder, podName), spec, values, join(this.folder, 'claims'));
    if (process === undefined) {
      this.setState(podName, 'Pending', { waiting: { reason: 'ContainerCreating' } });
      this.later(50, () => this.tryToRun(jobName, podName, spec));
      return;
    }
    this.pods.set(podName, process);
    this.setState(podName, 'Running', { running: { startedAt: now() } });
    process.news.on('news', () => {
      if (process.exit !== undefined) this.finish(jobName, podName, process.exit.code);
    });
  }

  private finish(jobName: string, podName: string, exitCode: number): void {
    const status = this.objects.get('pods', podName)?.status;
    if (this.lost.has(podName) || ['Succeeded', 'Failed'].includes(String(status?.['phase']))) return;
    const reason = this.reasons.get(podName) ?? (exitCode === 0 ? 'Completed' : 'Error');
    const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
    this.setState(podName, phase, { terminated: { exitCode, reason, finishedAt: now() } });
    const condition =
      exitCode === 0
        ? { type: 'Complete', status: 'True' }
        : { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' };
    this.conclude(jobName, condition);
  }

  private async exceedDeadline(jobName: string): Promise<void> {
    const job = this.objects.get('jobs', jobName);
    if (job === undefined || job.status?.['conditions'] !== undefined) return;
    const [, process] = this.podOf(jobName);
    this.conclude(jobName, { type: 'Failed', status: 'True', reason: 'DeadlineExceeded', message: 'too long' });
    await process.end(1);
  }

  private conclude(jobName: string, condition: Readonly<Record<string, string | undefined>>): void {
    this.objects.update('jobs', jobName, (job) => (job.status ??= { conditions: [condition] }));
  }

  private setState(podName: string, phase: string, state: unknown): void {
    this.objects.update('pods', podName, (pod) => {
      const { conditions = [], reason, message } = pod.status ?? {};
      const [container] = (pod.spec as unknown as PodSpec).containers;
      const containerStatuses = [{ name: container?.name, state }];
      pod.status = { phase, conditions, containerStatuses, ...(reason ? { reason, message } : {}) };
    });
  }

  private ended(process: PodProcess): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (process.exit === undefined) return;
        process.news.off('news', look);
        resolve();
      };
      process.news.on('news', look);
      look();
    });
  }

  private later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
  }
}

function ownedBy(metadata: ClusterObject['metadata'], uid: string | undefined): boolean {
  return metadata.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
}
