import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { Failure, type ArtifactRef, type ManifestFile, type TrainingPlan } from '@anneal/contracts';
import { axolotlConfig, renderYaml } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { annotations, jobName, labels, TrainingJobs, type Job } from '@anneal/kubernetes';
import { parseHosts, type Hosts } from '@anneal/planning';
import { BaseModels, CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chatForm } from '../axolotl/chat-template.js';
import { shapeOf } from '../plan/model.shape.js';
import { locatePlannedModel } from '../plan/planned.model.js';
import type { SettledTraining } from '../plan/training.table.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { CheckpointTable } from '../training/checkpoint.table.js';
import { dataFormOf, isHandedOverAsStored, placeRows, type DataForm } from '../training/data.form.js';
import { isResult } from '../training/output.files.js';
import { pathsFor, type RunFolder } from '../training/run.folder.js';
import { startMarkLine } from '../training/training.log.js';
import { podInput, storeModel, type PodInput } from './pod.inputs.js';
import { describePod } from './pod.job.js';
import { firstLinkSeconds, PodOrders } from './pod.orders.js';
import { forgetResult, nameResult, noteResult, notedResult } from './pod.result.js';
import { PodTraining } from './pod.training.js';
import type { FoundTraining, HostedTraining, TrainingHost } from './training.host.js';

const eventsName = 'events.jsonl';
const configName = 'axolotl.yaml';
const checkpointFolder = 'checkpoint';
/** Beyond its grace period, for a pod that makes room for the next one. */
const aroundGraceSeconds = 30;
/** Waiting costs a row and a heartbeat; the cluster decides who is next. */
const heldInCluster = 64;
const gibibyte = 1024 ** 3;

/** Trains in the pods of Kubernetes Jobs, one for each start of a training. */
@Injectable()
export class KubernetesHost implements TrainingHost {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly jobs: TrainingJobs,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
    private readonly models: BaseModels,
    private readonly checkpoints: CheckpointTable,
  ) {}

  get trainings(): number {
    return this.config.TRAININGS ?? heldInCluster;
  }

  /** The cluster has room for what it takes on. */
  enter(): () => void {
    return () => undefined;
  }

  layouts(): Promise<[Hosts]> {
    return Promise.resolve([parseHosts(this.config.KUBERNETES_HOSTS, this.config.KUBERNETES_MEMORY_GB * gibibyte)]);
  }

  async find({ id }: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<FoundTraining | undefined> {
    const [newest] = await this.jobs.list(id);
    if (newest === undefined || newest.metadata.deletionTimestamp !== undefined) return undefined;
    await this.recall(newest, folder);
    const training = this.adopt(newest, folder);
    if (!isFinished(newest)) {
      await this.complete(newest);
      return training;
    }
    try {
      training.attach({
        lends: false,
        wanted: () => true,
        checkpoint: () => Promise.resolve(),
        result: (files) => noteResult(folder, files),
      });
      return { ended: await training.wait() };
    } finally {
      training.close();
    }
  }

  async start(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    folder: RunFolder,
    secondsLeft: number | undefined,
    { signal }: WorkContext,
  ): Promise<HostedTraining> {
    await this.removeEarlier(job, signal);
    const start = randomUUID();
    await mkdir(folder.path, { recursive: true });
    await forgetResult(folder);
    const { inputs, yaml } = await this.prepare(job, settled, folder, signal);
    const config = [{ path: configName, source: Buffer.from(yaml) }];
    const { digest: configDigest } = await this.store.putFiles('plan', config, { signal });
    await folder.putProcessAside();
    await writeFile(folder.config, yaml);
    await appendFile(folder.events, startMarkLine(job.attempt, start));
    const name = jobName(job.id, job.attempt);
    // Written from when it is attended to: there are no orders without a Job, by which they are found again.
    const orders = this.orders(name, start, inputs);
    signal.throwIfAborted();
    const made = await this.jobs.create(
      describePod(this.config, job, settled.plan, { start, yaml, configDigest, inputs, secondsLeft }),
      await this.store.linkToNote(orders.name, firstLinkSeconds),
    );
    return this.adopt(made, folder, orders);
  }

  follow(
    training: FoundTraining,
    job: ClaimedJob<TrainInput>,
    folder: RunFolder,
    _log: unknown,
    context: WorkContext,
  ): () => Promise<void> {
    if (!(training instanceof PodTraining)) return () => Promise.resolve();
    const { method } = job.input.spec.training;
    training.attach({
      lends: true,
      wanted: (path) => isResult(method, path),
      checkpoint: (step, files) => this.keep(job, step, files, folder, context),
      result: (files) => noteResult(folder, files),
    });
    return () => {
      training.close();
      return Promise.resolve();
    };
  }

  async putAside({ id }: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<void> {
    for (const job of await this.jobs.list(id)) await this.remove(job);
    await folder.putProcessAside();
  }

  async result(
    job: Pick<ClaimedJob<unknown>, 'id'>,
    { method }: TrainingPlan,
    baseReference: string,
    folder: RunFolder,
  ): Promise<ArtifactRef> {
    const files = await notedResult(folder);
    if (files === undefined) {
      // Nothing else would lead to another start: the training itself came to its end.
      await this.putAside(job, folder);
      throw new Failure('KILLED', 'The pod ended before its result was in the object store.', {
        remedy: 'It goes on from its last checkpoint; if it stays, check that pods reach the object store.',
      });
    }
    return nameResult(this.store, method, baseReference, files);
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  async clearOlder({ id, turn }: Pick<ClaimedJob<unknown>, 'id' | 'turn'>): Promise<void> {
    for (const job of await this.jobs.list(id)) {
      if (job.metadata.annotations[annotations.turn] !== String(turn)) await this.remove(job);
    }
  }

  /** What is left in the cluster is found by its labels, whatever folders there are here. */
  leftOver(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** A training of which only its Job is known. */
  adopt(job: Job, folder: RunFolder, orders?: PodOrders): PodTraining {
    const { name, annotations: told, labels: own } = job.metadata;
    const start = told[annotations.start] ?? '';
    const said = told[annotations.inputs];
    const inputs = said === undefined ? [] : z.array(podInput).parse(JSON.parse(said));
    const mine = orders?.name === noteName(name, start) ? orders : this.orders(name, start, inputs);
    return new PodTraining({
      ...{ jobs: this.jobs, store: this.store, log: this.log, name, start, orders: mine, folder },
      attempt: Number(own[labels.attempt] ?? 0),
      stuckSeconds: this.config.KUBERNETES_STUCK_SECONDS,
      scheduleSeconds: this.config.KUBERNETES_SCHEDULE_SECONDS,
    });
  }

  /**
   * An earlier start has ended, or is of an attempt that is no longer. A pod on a lost node may stay, which Kubernetes cannot
   * tell from one that trains: it ends itself, since nobody writes its orders any more.
   */
  private async removeEarlier({ id, attempt }: ClaimedJob<unknown>, signal: AbortSignal): Promise<void> {
    const seconds = this.config.CHECKPOINT_SECONDS + aroundGraceSeconds;
    for (const { metadata } of await this.jobs.list(id)) {
      const { name } = metadata;
      await this.forgetOrders(metadata);
      if (await this.jobs.removeWhole(name, seconds, signal)) continue;
      this.log.warn({ job: name }, 'a Job is being deleted, and its pod does not end');
      if (name !== jobName(id, attempt)) continue;
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

  private async complete(job: Job): Promise<void> {
    const { name, annotations: told } = job.metadata;
    const { [annotations.start]: start = '', [annotations.config]: digest = '' } = told;
    // One that an earlier version made does not say all that it takes.
    if (told[annotations.processes] === undefined) return;
    const config = await this.store.getFile(await this.store.refOf(digest), configName);
    await this.jobs.complete(job, String(config), await this.store.linkToNote(noteName(name, start), firstLinkSeconds));
  }

  private async forgetOrders({ name, annotations: told }: Job['metadata']): Promise<void> {
    await this.store.removeNote(noteName(name, told[annotations.start] ?? ''));
  }

  private orders(name: string, start: string, inputs: readonly PodInput[]): PodOrders {
    return new PodOrders(this.store, this.log, noteName(name, start), inputs, this.config.ADOPT_SECONDS);
  }

  /** Puts all that the pod reads into the store, and renders the configuration. */
  private async prepare(
    { runId, input }: ClaimedJob<TrainInput>,
    { plan, base }: SettledTraining,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<{ inputs: PodInput[]; yaml: string }> {
    const { spec, dataset } = input;
    const form = await dataFormOf(input, this.store);
    const { prompt } = form;
    const paths = pathsFor(form, dataset.artifact);
    const { directory, config } = await locatePlannedModel(this.models, input, base, signal);
    const model = await storeModel(this.store, directory, signal);
    const inputs: PodInput[] = [
      { digest: model, from: '', to: paths.model, cache: true },
      { ...(await this.rows(input, form, folder, signal)), to: paths.data, cache: false },
    ];
    const stored = await this.checkpoints.newest(runId);
    const resumeFrom = stored && `${paths.output}/checkpoint-${stored.step}`;
    if (stored !== undefined && resumeFrom !== undefined) {
      inputs.push({ digest: stored.artifact.digest, from: checkpointFolder, to: resumeFrom, cache: false });
      await this.recallEvents(stored.artifact, folder);
    }
    const family = shapeOf(config, base)?.family;
    const chat = prompt === 'chat' ? await chatForm(directory, spec.model.base, family) : { endOfTurn: [] };
    const yaml = renderYaml(axolotlConfig({ plan, prompt, paths, ...chat, ...(resumeFrom ? { resumeFrom } : {}) }));
    return { inputs, yaml };
  }

  /** Where a pod finds its rows: in the set itself, or stored for it in the form that Axolotl reads. */
  private async rows(
    { dataset }: TrainInput,
    form: DataForm,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<Pick<PodInput, 'digest' | 'from'>> {
    const { digest } = dataset.artifact;
    if (isHandedOverAsStored(form)) return { digest, from: `train.${form.stored}` };
    const target = folder.of('rows');
    await placeRows(await this.cache.materialise(dataset.artifact, signal), target, form, signal);
    const written = await this.store.putFiles('dataset', [{ path: 'rows', source: target }], { signal });
    return { digest: written.digest, from: 'rows' };
  }

  /** Brings here what a service on another machine knew of a training. */
  private async recall({ metadata }: Job, folder: RunFolder): Promise<void> {
    const { [annotations.run]: runId = '', [annotations.config]: digest = '' } = metadata.annotations;
    if (existsSync(folder.config) || digest === '') return;
    await mkdir(folder.path, { recursive: true });
    const stored = await this.checkpoints.newest(runId);
    if (stored !== undefined) await this.recallEvents(stored.artifact, folder);
    await writeFile(folder.config, await this.store.getFile(await this.store.refOf(digest), configName));
  }

  /** What was said before the checkpoint belongs to the training, wherever it was said to. */
  private async recallEvents(checkpoint: ArtifactRef, folder: RunFolder): Promise<void> {
    const here = await readFile(folder.events, 'utf8').catch(() => '');
    if (here === '') await writeFile(folder.events, await this.store.getFile(checkpoint, eventsName));
  }

  private async keep(
    { runId, attempt }: ClaimedJob<TrainInput>,
    step: number,
    files: ManifestFile[],
    folder: RunFolder,
    { commit }: WorkContext,
  ): Promise<void> {
    const newest = await this.checkpoints.newest(runId);
    // A log that is read again from its beginning tells of old ones, too.
    if (newest && newest.step >= step) return;
    const placed = files.map((file) => ({ ...file, path: `${checkpointFolder}/${file.path}` }));
    const said = { path: eventsName, source: await readFile(folder.events) };
    const artifact = await this.store.name('checkpoint', placed, [said]);
    await commit((tx) => this.checkpoints.insert(tx, runId, step, artifact));
    this.log.info({ runId, attempt, step, bytes: artifact.bytes }, 'a checkpoint is in the object store');
  }
}

/** Of the orders of a start. */
export function noteName(name: string, start: string): string {
  return `${name}-${start}`;
}

/** Whether Kubernetes has written down how the Job ended. */
export function isFinished({ status }: Job): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}
