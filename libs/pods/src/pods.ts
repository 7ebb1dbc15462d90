import type { ArtifactStore } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import type { ClaimedJob } from '@anneal/jobs';
import { annotations, jobIdIn, jobName, labels, type ClusterJobs, type Job } from '@anneal/kubernetes';
import type { Logger } from '@anneal/service';
import { z } from 'zod';
import type { PodConfig } from './pod.config.js';
import { podInput, type PodInput } from './pod.inputs.js';
import { describeJob, type PodPiece } from './pod.job.js';
import { firstLinkSeconds, PodOrders } from './pod.orders.js';
import { PodRun, type PodListener } from './pod.run.js';

/** Beyond its grace period, for a pod that makes room for the next one. */
const aroundGraceSeconds = 30;

/** Starts the pods of one service, finds them again, and removes them. */
export class Pods {
  constructor(
    private readonly config: PodConfig & { readonly ADOPT_SECONDS: number },
    readonly jobs: ClusterJobs,
    private readonly store: ArtifactStore,
    private readonly log: Logger,
  ) {}

  /** The newest Job that was made for a job, with all that its pod waits for; none when it is on its way out. */
  async newest({ id }: Pick<ClaimedJob<unknown>, 'id'>): Promise<Job | undefined> {
    const [newest] = await this.jobs.list(id);
    if (newest === undefined || newest.metadata.deletionTimestamp !== undefined) return undefined;
    if (!isFinished(newest)) await this.jobs.complete(newest, await this.linkToOrders(newest));
    return newest;
  }

  /** A pod of which only its Job is known. */
  adopt(job: Job, listener: PodListener, orders?: PodOrders): PodRun {
    const { name, annotations: told, labels: own } = job.metadata;
    const start = told[annotations.start] ?? '';
    const said = told[annotations.inputs];
    const inputs = said === undefined ? [] : z.array(podInput).parse(JSON.parse(said));
    const mine = orders?.name === noteName(name, start) ? orders : this.orders(name, start, inputs);
    return new PodRun({
      ...{ jobs: this.jobs, store: this.store, log: this.log, name, orders: mine, listener },
      jobId: own[labels.job] ?? '',
      stuckSeconds: this.config.KUBERNETES_STUCK_SECONDS,
      scheduleSeconds: this.config.KUBERNETES_SCHEDULE_SECONDS,
    });
  }

  /** Starts a pod, or adopts the one that another start of the same attempt was faster with. */
  async start(piece: PodPiece, listener: PodListener, signal: AbortSignal): Promise<PodRun> {
    const described = describeJob(this.config, this.jobs, piece);
    // Written from when it is attended to: there are no orders without a Job, by which they are found again.
    const orders = this.orders(jobName(described.identity), piece.start, piece.inputs);
    signal.throwIfAborted();
    const link = await this.store.linkToNote(orders.name, firstLinkSeconds);
    return this.adopt(await this.jobs.create(described, link), listener, orders);
  }

  /**
   * Makes room for a start. An earlier one has ended, or is of an attempt that is no longer. A pod on a lost node may stay,
   * which Kubernetes cannot tell from one that works: it ends itself, since nobody writes its orders any more.
   *
   * @param next name of the Job that is to be made
   */
  async removeEarlier(
    { id }: Pick<ClaimedJob<unknown>, 'id'>,
    { next, graceSeconds, signal }: { next: string; graceSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    for (const { metadata } of await this.jobs.list(id)) {
      const { name } = metadata;
      await this.forgetOrders(metadata);
      if (await this.jobs.removeWhole(name, graceSeconds + aroundGraceSeconds, signal)) continue;
      this.log.warn({ job: name }, 'a Job is being deleted, and its pod does not end');
      if (name !== next) continue;
      throw new Failure('CLUSTER_REFUSED', `The Job ${name} is being deleted, and its pod does not end.`, {
        remedy: 'It is tried again; if it stays, look whether the node of the pod is lost.',
        retryable: true,
      });
    }
  }

  /** Removes a Job with its pod, and what was written for it. */
  async remove({ metadata }: Job): Promise<void> {
    await this.jobs.remove(metadata.name);
    await this.forgetOrders(metadata);
  }

  /** Ends a pod that nobody wants anything of any more, and removes its Job. */
  async end(job: Job): Promise<void> {
    if (isFinished(job)) return this.remove(job);
    // By itself it would first offer a checkpoint for as long as its grace period.
    return this.adopt(job, deaf).kill();
  }

  /** Removes all that was made for a job. */
  async removeAll({ id }: Pick<ClaimedJob<unknown>, 'id'>): Promise<void> {
    for (const job of await this.jobs.list(id)) await this.remove(job);
  }

  /**
   * Removes orders that are for no Job, such as those that a service which slept wrote once more after its Job was gone.
   *
   * @param known says which of these jobs there are: another installation may keep its orders in the same store
   */
  async removeOrdersWithoutJob(known: (jobIds: readonly string[]) => Promise<readonly string[]>): Promise<void> {
    const unwanted = new Map<string, string>();
    for (const name of await this.store.listNotes()) {
      const jobId = jobIdIn(this.jobs.work, name);
      if (jobId !== undefined) unwanted.set(name, jobId);
    }
    if (unwanted.size === 0) return;
    // Looked for after their orders, which are written after them.
    for (const { metadata } of await this.jobs.list()) unwanted.delete(noteNameOf(metadata));
    const own = new Set(await known([...unwanted.values()]));
    for (const [name, jobId] of unwanted) if (own.has(jobId)) await this.store.removeNote(name);
  }

  private linkToOrders({ metadata }: Job): Promise<string> {
    return this.store.linkToNote(noteNameOf(metadata), firstLinkSeconds);
  }

  private async forgetOrders(metadata: Job['metadata']): Promise<void> {
    await this.store.removeNote(noteNameOf(metadata));
  }

  private orders(name: string, start: string, inputs: readonly PodInput[]): PodOrders {
    return new PodOrders(this.store, this.log, noteName(name, start), inputs, this.config.ADOPT_SECONDS);
  }
}

const deaf: PodListener = { begin: () => Promise.resolve(), event: () => undefined, line: () => undefined };

function noteName(name: string, start: string): string {
  return `${name}-${start}`;
}

function noteNameOf({ name, annotations: told }: Job['metadata']): string {
  return noteName(name, told[annotations.start] ?? '');
}

/** Whether Kubernetes has written down how the Job ended. */
export function isFinished({ status }: Job): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}
