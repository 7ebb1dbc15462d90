import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import type { ExitRecord, ProcessState } from '@anneal/compute';
import { Failure, type FailureCode } from '@anneal/contracts';
import { podState, type ClusterJobs, type Job, type Pod, type PodState } from '@anneal/kubernetes';
import type { Logger } from '@anneal/service';
import type { PodOrders } from './pod.orders.js';
import { PodUploads, type UploadSink } from './pod.uploads.js';
import { readPodWord } from './pod.words.js';

const lookMs = 250;
/** For Kubernetes to say that a Job is gone; a pod on a lost node is not waited for. */
const removalMs = 15_000;
/** How long the last lines of a log are waited for: of a pod that ended, and of one that is lost. */
const endedLogMs = 30_000;
const lostLogMs = 2_000;

/** How the work of a pod ended, and what is known about that beyond its own words. */
export interface PodExit extends ExitRecord {
  readonly failure?: Failure;
}

/** Hears what the work in a pod says, from its beginning, also when that was heard before. */
export interface PodListener {
  /** Is called before the first word. */
  begin(): Promise<void>;
  /** An event of the work; one is heard after the other. */
  event(event: unknown): Promise<void> | void;
  /** A line of its output. */
  line(text: string): Promise<void> | void;
}

export interface PodRunOptions {
  readonly jobs: ClusterJobs;
  readonly store: ArtifactStore;
  readonly log: Logger;
  /** Of the Job. */
  readonly name: string;
  /** Of the job of the service. */
  readonly jobId: string;
  readonly orders: PodOrders;
  readonly listener: PodListener;
  readonly stuckSeconds: number;
  readonly scheduleSeconds: number;
}

/** One piece of work in the pod of a Job. It goes on when this service does not, and is found again through its Job. */
export class PodRun {
  /** A service on another machine can adopt it. */
  readonly roams = true;
  private readonly over = new AbortController();
  private readonly logOver = new AbortController();
  private readonly uploads: PodUploads;
  private sink: UploadSink | undefined;
  private begun: Promise<void> | undefined;
  private seen: { job: Job | undefined; pod: Pod | undefined } | undefined;
  private ran = false;
  private logEnded: Promise<void> | undefined;
  private endedWith: number | undefined;
  private failed: { code: FailureCode; message: string } | undefined;
  private hearing: Promise<void> = Promise.resolve();
  private stuckSince: number | undefined;
  private waitingSince = performance.now();
  private clusterError: string | undefined;

  constructor(private readonly options: PodRunOptions) {
    this.uploads = new PodUploads(options.store, options.orders, options.log, this.over.signal);
  }

  get name(): string {
    return this.options.name;
  }

  state(): ProcessState {
    const { kind } = this.look();
    return kind === 'waiting' ? 'waiting' : kind === 'running' ? 'running' : 'ended';
  }

  waitsFor(): string {
    const now = this.look();
    return now.kind === 'waiting' ? now.why : 'waiting for the cluster';
  }

  /** From now on what the pod offers is stored. */
  attach(sink: UploadSink): void {
    this.sink = sink;
  }

  /** Stops to follow it; it goes on. */
  close(): void {
    this.over.abort();
    this.options.orders.leave();
  }

  /** Resolves once it has ended, and counts as attending to it meanwhile; aborting ends the waiting only. */
  async wait(signal?: AbortSignal): Promise<PodExit> {
    this.begun ??= this.begin();
    await this.begun;
    for (;;) {
      signal?.throwIfAborted();
      const state = this.look();
      if (state.kind === 'ended') return this.end(state);
      const hopeless = this.hopeless(state);
      if (hopeless !== undefined) {
        await this.discard();
        return { ...exitOf(null), failure: hopeless };
      }
      await sleep(lookMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Allows it to go on for so many seconds without anybody who waits for it. */
  async leaveFor(seconds: number): Promise<void> {
    const { orders, log } = this.options;
    await orders.allow(seconds).catch((error: unknown) => log.warn({ err: error }, 'a pod could not be told to go on'));
  }

  /** Asks a training to write a checkpoint and to end. */
  askToStop(): Promise<void> {
    return this.options.orders.askFor('checkpoint');
  }

  /** Ends it without a checkpoint, and removes its Job. */
  async kill(): Promise<void> {
    const { orders, jobs, log } = this.options;
    // Removing alone would let the pod write a checkpoint first, which nobody wants.
    await orders.askFor('now').catch((error: unknown) => log.warn({ err: error }, 'a pod could not be told to end'));
    await jobs.remove(this.name);
    const giveUpAt = performance.now() + removalMs;
    while (performance.now() < giveUpAt && (await jobs.get(this.name)) !== undefined) await sleep(lookMs);
    this.close();
    await this.discard();
  }

  /** Removes the Job and its orders; a pod that cannot be reached ends when it finds none. */
  private async discard(): Promise<void> {
    const { jobs, orders, log } = this.options;
    await jobs.remove(this.name);
    await orders.remove().catch((error: unknown) => log.warn({ err: error }, 'the orders of a pod are still there'));
  }

  /** Whether the Job said all that it will say. */
  private look(): PodState {
    if (this.seen === undefined) return { kind: 'waiting', why: this.clusterError ?? 'waiting for the cluster' };
    const { job, pod } = this.seen;
    const state = podState(this.options.jobs.work, job, pod, Date.now());
    if (state.kind === 'running') this.ran = true;
    // It ran, and now it is in the queue again or has lost its pod: this start of it is over.
    if (state.kind === 'waiting' && this.ran && pod === undefined)
      return { kind: 'ended', code: this.endedWith ?? null };
    return state;
  }

  private async begin(): Promise<void> {
    const { jobs, jobId, orders, listener } = this.options;
    // What was heard of this start is heard again from its beginning.
    await listener.begin();
    orders.attend();
    const { signal } = this.over;
    jobs
      .watch(
        { name: this.name, jobId },
        (job, pod) => {
          this.clusterError = undefined;
          this.seen = { job, pod };
          if (pod !== undefined && this.look().kind !== 'waiting') this.followLog(pod.metadata.name);
        },
        (error) => {
          this.clusterError = `the cluster does not answer: ${String(error)}`.slice(0, 200);
          this.options.log.warn({ err: error, job: this.name }, 'a Job is out of sight for now');
        },
        signal,
      )
      .catch((error: unknown) => this.options.log.error({ err: error, job: this.name }, 'a Job is no longer watched'));
  }

  private followLog(podName: string): void {
    this.logEnded ??= this.options.jobs
      .followLog(podName, {
        onLine: (line) => this.hear(line),
        isOver: () => this.look().kind === 'ended',
        signal: AbortSignal.any([this.over.signal, this.logOver.signal]),
      })
      .catch((error: unknown) => this.options.log.warn({ err: error, job: this.name }, 'a log could not be read'));
  }

  private hear(line: string): void {
    const { listener, orders } = this.options;
    const word = readPodWord(line);
    if (word === undefined) return this.pass(() => listener.line(line));
    if (word === 'unknown') return;
    if (word.word === 'event') this.pass(() => listener.event(word.event));
    else if (word.word === 'fetched') orders.fetched();
    else if (word.word === 'ended') this.endedWith = word.code;
    else if (word.word === 'failed') this.failed = word;
    else if (word.word !== 'started' && this.sink !== undefined) this.uploads.hear(word, this.sink);
  }

  private pass(step: () => Promise<void> | void): void {
    this.hearing = this.hearing.then(step).catch((error: unknown) => {
      this.options.log.warn({ err: error, job: this.name }, 'what a pod said could not be taken');
    });
  }

  /** The end counts when all that was said before it is heard. */
  private async end(state: Extract<PodState, { kind: 'ended' }>): Promise<PodExit> {
    if (this.seen?.pod !== undefined) this.followLog(this.seen.pod.metadata.name);
    // The log of a lost node may never end, and one that comes back has nothing to say any more.
    const patience = AbortSignal.timeout(state.code === null ? lostLogMs : endedLogMs);
    patience.addEventListener('abort', () => this.logOver.abort(), { once: true });
    await this.logEnded;
    await this.hearing;
    await this.uploads.settled();
    // What nobody saw the end of is not to be found and attended to again: its pod ends when nobody does.
    if (state.code === null) await this.discard();
    const failure = this.failed === undefined ? state.failure : podFailure(this.failed);
    // The pod's status may be gone before it was seen, and its own word not.
    return { ...exitOf(state.code ?? this.endedWith ?? null), ...(failure === undefined ? {} : { failure }) };
  }

  private hopeless(state: PodState): Failure | undefined {
    const now = performance.now();
    if (state.kind !== 'waiting' || this.ran) {
      this.stuckSince = undefined;
      this.waitingSince = now;
      return undefined;
    }
    // In the queue of the cluster it may wait for as long as that takes.
    if (this.seen === undefined || this.seen.job?.spec?.suspend === true) this.waitingSince = now;
    this.stuckSince = state.hopeless === undefined ? undefined : (this.stuckSince ?? now);
    const { stuckSeconds, scheduleSeconds, jobs } = this.options;
    if (this.stuckSince !== undefined && now - this.stuckSince > stuckSeconds * 1000) return state.hopeless;
    if (now - this.waitingSince <= scheduleSeconds * 1000) return undefined;
    return new Failure('CLUSTER_REFUSED', `The pod of the ${jobs.work} did not start: ${state.why}.`, {
      remedy: 'Ask for fewer GPUs, add nodes, raise the quota of the namespace, or raise KUBERNETES_SCHEDULE_SECONDS.',
      ...(jobs.work === 'training' ? { field: 'training.gpus' } : {}),
    });
  }
}

const signals: Readonly<Record<number, string>> = {
  130: 'SIGINT',
  134: 'SIGABRT',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  143: 'SIGTERM',
};

function exitOf(code: number | null): PodExit {
  const signal = code === null ? undefined : signals[code];
  const endedAt = new Date().toISOString();
  if (signal !== undefined) return { code: null, signal, endedAt };
  return { code, signal: null, endedAt, ...(code === null ? { lost: true } : {}) };
}

function podFailure({ code, message }: { code: FailureCode; message: string }): Failure {
  return new Failure(code, `The pod gave up: ${message}.`, {
    remedy: 'Check that pods reach KUBERNETES_STORE_ENDPOINT, and the clocks of the store and of this service.',
  });
}
