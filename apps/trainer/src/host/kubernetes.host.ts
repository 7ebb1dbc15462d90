import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { Failure, type ArtifactRef, type ManifestFile, type TrainingPlan } from '@anneal/contracts';
import { axolotlConfig, renderYaml } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { annotations, jobName, labels, type Job } from '@anneal/kubernetes';
import { parseHosts, type Hosts } from '@anneal/planning';
import { isFinished, PodRun, Pods, storeModel, type PodInput } from '@anneal/pods';
import { BaseModels, CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { chatForm } from '../axolotl/chat-template.js';
import { shapeOf } from '../plan/model.shape.js';
import { locatePlannedModel } from '../plan/planned.model.js';
import type { SettledTraining } from '../plan/training.table.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { CheckpointTable } from '../training/checkpoint.table.js';
import { dataFormOf, isHandedOverAsStored, placeRows, type DataForm } from '../training/data.form.js';
import { isResult } from '../training/output.files.js';
import { pathsFor, RunFolder } from '../training/run.folder.js';
import { startMarkLine } from '../training/training.log.js';
import { copyInto } from './pod.copy.js';
import { forgetResult, nameResult, noteResult, notedResult } from './pod.result.js';
import { trainingPiece } from './training.piece.js';
import type { FoundTraining, HostedTraining, TrainingHost } from './training.host.js';

const eventsName = 'events.jsonl';
const configName = 'axolotl.yaml';
const checkpointFolder = 'checkpoint';
/** Waiting costs a row and a heartbeat; the cluster decides who is next. */
const heldInCluster = 64;
const gibibyte = 1024 ** 3;

/** Trains in the pods of Kubernetes Jobs, one for each start of a training. */
@Injectable()
export class KubernetesHost implements TrainingHost {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly pods: Pods,
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

  async find(job: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<FoundTraining | undefined> {
    const newest = await this.pods.newest(job);
    if (newest === undefined) return undefined;
    await this.recall(newest, folder);
    const training = this.adopt(newest, folder);
    if (!isFinished(newest)) return training;
    try {
      training.attach({
        lends: false,
        wanted: () => true,
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
    const next = jobName({ work: 'training', jobId: job.id, attempt: job.attempt });
    await this.pods.removeEarlier(job, { next, graceSeconds: this.config.CHECKPOINT_SECONDS, signal });
    const start = randomUUID();
    await mkdir(folder.path, { recursive: true });
    await forgetResult(folder);
    const { inputs, yaml } = await this.prepare(job, settled, folder, signal);
    const config = [{ path: configName, source: Buffer.from(yaml) }];
    const { digest: configDigest } = await this.store.putFiles('plan', config, { signal });
    await folder.putProcessAside();
    await writeFile(folder.config, yaml);
    await appendFile(folder.events, startMarkLine(job.attempt, start));
    const piece = trainingPiece(this.config, job, settled.plan, { start, yaml, configDigest, inputs, secondsLeft });
    return this.pods.start(piece, copyInto(folder, job.attempt, start), signal);
  }

  follow(
    training: FoundTraining,
    job: ClaimedJob<TrainInput>,
    folder: RunFolder,
    _log: unknown,
    context: WorkContext,
  ): () => Promise<void> {
    if (!(training instanceof PodRun)) return () => Promise.resolve();
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

  async putAside(job: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<void> {
    await this.pods.removeAll(job);
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
    try {
      return await nameResult(this.store, method, baseReference, files);
    } catch (error) {
      // It would be missing at each further look, too; from its last checkpoint the training makes it again.
      if (error instanceof Failure && error.code === 'ARTIFACT_MISSING') await this.putAside(job, folder);
      throw error;
    }
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  async clearOlder({ id, turn }: Pick<ClaimedJob<unknown>, 'id' | 'turn'>): Promise<void> {
    for (const job of await this.pods.jobs.list(id)) {
      if (job.metadata.annotations[annotations.turn] !== String(turn)) await this.pods.remove(job);
    }
  }

  /** What is left in the cluster is found by its labels, whatever folders there are here. */
  leftOver(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** A training that was left running when its service stopped, and whose run was paused since. */
  async stop(job: Job): Promise<void> {
    const training = this.adopt(
      job,
      new RunFolder(this.config.WORK_DIR, job.metadata.annotations[annotations.run] ?? ''),
    );
    await training.askToStop();
    training.close();
  }

  /** A training of which only its Job is known. */
  private adopt(job: Job, folder: RunFolder): PodRun {
    const { annotations: told, labels: own } = job.metadata;
    const attempt = Number(own[labels.attempt] ?? 0);
    return this.pods.adopt(job, copyInto(folder, attempt, told[annotations.start] ?? ''));
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
    const { directory, config } = await locatePlannedModel(this.models, input, base, folder, signal);
    const model = await storeModel(this.store, directory, signal);
    const inputs: PodInput[] = [
      { digest: model, from: '', to: paths.model, cache: true },
      { ...(await this.rows(input, form, folder, signal)), to: paths.data, cache: false },
    ];
    const stored = await this.checkpoints.takeNewest(runId);
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
    await this.cache.use(dataset.artifact, signal, (rows) => placeRows(rows, target, form, signal));
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
