import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type ClusterClient } from './cluster-client.js';
import { clusterFailure } from './cluster-failure.js';
import { job as jobSchema, listOf, pod as podSchema, type Job, type Pod } from './cluster-objects.js';
import { followLog } from './pod-log.js';
import {
  annotations,
  jobName,
  labels,
  renderConfigMap,
  renderJob,
  renderOrdersSecret,
  type ClusterJob,
} from './cluster-job.js';
import { containerNames, nameLabelOf, type ClusterWork } from './cluster-work.js';
import { watchList } from './watch-list.js';

const lookMs = 250;

/** The Jobs of one kind of work of one installation in one namespace. */
export class ClusterJobs {
  constructor(
    readonly client: ClusterClient,
    readonly installation: string,
    readonly work: ClusterWork,
  ) {}

  /**
   * Makes the Job of an attempt, or finds that somebody has: the name tells, so that there is one whoever asks. Its
   * configuration and its link come after it and belong to it; the pod waits for them.
   */
  async create(described: ClusterJob, ordersUrl: string): Promise<Job> {
    const name = jobName(described.identity);
    try {
      const made = await this.post('batch/v1', 'jobs', renderJob(described));
      const found = made === undefined ? await this.get(name) : jobSchema.parse(made);
      if (found === undefined) throw new Error(`the Job ${name} was there and is gone`);
      // Another start of the attempt was faster: its own configuration and link are those that count.
      if (found.metadata.annotations[annotations.start] !== described.identity.start) return found;
      await this.complete(found, ordersUrl);
      return found;
    } catch (error) {
      throw clusterFailure(error, `start the ${this.work} in the cluster`, this.client.namespace);
    }
  }

  /** Makes what the pod of a Job waits for, unless it is there: whoever made the Job may have died before it came to that. */
  async complete({ metadata }: Job, ordersUrl: string): Promise<void> {
    // One that an earlier version made does not say all that it takes.
    if (metadata.annotations[annotations.configuration] === undefined) return;
    try {
      await this.post('v1', 'configmaps', renderConfigMap(metadata));
      await this.post('v1', 'secrets', renderOrdersSecret(metadata, ordersUrl));
    } catch (error) {
      throw clusterFailure(error, `give the Job ${metadata.name} its configuration`, this.client.namespace);
    }
  }

  /** Those of one job, the newest first; all of the installation's when none is named. */
  async list(jobId?: string): Promise<Job[]> {
    const query = { labelSelector: this.selector(jobId) };
    try {
      const found = await this.client.call({ method: 'GET', path: this.path('batch/v1', 'jobs'), query });
      return listOf(jobSchema).parse(found).items.toSorted(newestFirst);
    } catch (error) {
      throw clusterFailure(error, `look for Jobs of a ${this.work}`, this.client.namespace);
    }
  }

  /** Deletes a Job with its pod and all that belongs to it. Kubernetes removes the pod first and the Job last. */
  async remove(name: string): Promise<void> {
    try {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Foreground' };
      await this.client.call({ method: 'DELETE', path: `${this.path('batch/v1', 'jobs')}/${name}`, body });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
      throw clusterFailure(error, `delete the ${this.work} in the cluster`, this.client.namespace);
    }
  }

  /** Removes a Job and waits until it is gone, its pod first. @returns whether it is gone within that time */
  async removeWhole(name: string, withinSeconds: number, signal: AbortSignal): Promise<boolean> {
    await this.remove(name);
    const giveUpAt = performance.now() + withinSeconds * 1000;
    while ((await this.get(name)) !== undefined) {
      if (performance.now() > giveUpAt) return false;
      await sleep(lookMs, undefined, { signal });
    }
    return true;
  }

  async get(name: string): Promise<Job | undefined> {
    try {
      return jobSchema.parse(
        await this.client.call({ method: 'GET', path: `${this.path('batch/v1', 'jobs')}/${name}` }),
      );
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw clusterFailure(error, `look for the Job ${name}`, this.client.namespace);
    }
  }

  /** Keeps a Job and its newest pod in view. */
  async watch(
    { name, jobId }: { name: string; jobId: string },
    onView: (job: Job | undefined, pod: Pod | undefined) => void,
    onError: (error: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let jobs: Job[] | undefined;
    let pods: Pod[] | undefined;
    const tell = (): void => {
      if (jobs === undefined || pods === undefined) return;
      onView(
        jobs.find(({ metadata }) => metadata.name === name),
        pods.toSorted(newestFirst)[0],
      );
    };
    await Promise.all([
      watchList(this.client, this.path('batch/v1', 'jobs'), jobSchema, this.selector(jobId), {
        onView: (items) => {
          jobs = items;
          tell();
        },
        onError,
        signal,
      }),
      watchList(this.client, this.path('v1', 'pods'), podSchema, `batch.kubernetes.io/job-name=${name}`, {
        onView: (items) => {
          pods = items;
          tell();
        },
        onError,
        signal,
      }),
    ]);
  }

  /** Every line of a pod's log, once. */
  followLog(podName: string, options: Parameters<typeof followLog>[3]): Promise<void> {
    return followLog(this.client, podName, containerNames[this.work], options);
  }

  /** @returns undefined when there is one of that name */
  private async post(version: string, plural: string, body: unknown): Promise<unknown> {
    try {
      return await this.client.call({ method: 'POST', path: this.path(version, plural), body });
    } catch (error) {
      if (error instanceof ApiError && error.status === 409 && error.reason === 'AlreadyExists') return undefined;
      throw error;
    }
  }

  private selector(jobId: string | undefined): string {
    const whose = `${labels.managedBy}=anneal,${labels.installation}=${this.installation}`;
    const own = `${whose},${labels.name}=${nameLabelOf(this.work)}`;
    return jobId === undefined ? own : `${own},${labels.job}=${jobId}`;
  }

  private path(version: string, plural: string): string {
    const root = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
    return `${root}/namespaces/${this.client.namespace}/${plural}`;
  }
}

function newestFirst(a: Job | Pod, b: Job | Pod): number {
  const attemptOf = ({ metadata }: Job | Pod): number => Number(metadata.labels[labels.attempt] ?? 0);
  // A retry of the run counts its attempts anew.
  const turnOf = ({ metadata }: Job | Pod): number => Number(metadata.annotations[annotations.turn] ?? 0);
  const madeAt = ({ metadata }: Job | Pod): number => Date.parse(metadata.creationTimestamp ?? '') || 0;
  return turnOf(b) - turnOf(a) || attemptOf(b) - attemptOf(a) || madeAt(b) - madeAt(a);
}
