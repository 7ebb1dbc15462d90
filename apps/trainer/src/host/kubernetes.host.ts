import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { Failure, manifestFile, type ArtifactRef, type ManifestFile, type TrainingPlan } from '@anneal/contracts';
import { axolotlConfig, pinBaseModel, podCommand, podProcessEnv, renderYaml } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { annotations, folders, jobName, labels, TrainingJobs, type Job, type TrainingJob } from '@anneal/kubernetes';
import { parseHosts, type Hosts } from '@anneal/planning';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chatForm } from '../axolotl/chat-template.js';
import { writeQuestionsAndAnswers } from '../axolotl/load-qa.rows.js';
import { BaseModels } from '../plan/base.model.js';
import { shapeOf } from '../plan/model.shape.js';
import type { SettledTraining } from '../plan/training.table.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { CheckpointTable } from '../training/checkpoint.table.js';
import { isResult, nameBaseModelIn } from '../training/output.files.js';
import { pathsFor, type RunFolder } from '../training/run.folder.js';
import { startMarkLine } from '../training/training.log.js';
import { podInput, storeModel, type PodInput } from './pod.inputs.js';
import { firstLinkSeconds, PodOrders } from './pod.orders.js';
import { PodTraining } from './pod.training.js';
import type { FoundTraining, HostedTraining, TrainingHost } from './training.host.js';

const eventsName = 'events.jsonl';
const checkpointFolder = 'checkpoint';
/** Beyond the limit of a training: to load, to write its last checkpoint, and to end. */
const aroundLimitSeconds = 600;
/** Beyond its grace period, for a pod that makes room for the next one. */
const aroundGraceSeconds = 30;
/** Waiting costs a row and a heartbeat; the cluster decides who is next. */
const heldInCluster = 64;
const machineBytes = 1024 ** 3;

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

  capacity(): Promise<Hosts> {
    return Promise.resolve(parseHosts(this.config.KUBERNETES_HOSTS, this.config.KUBERNETES_MEMORY_GB * machineBytes));
  }

  async find({ id }: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<FoundTraining | undefined> {
    const [newest] = await this.jobs.list(id);
    if (newest === undefined || newest.metadata.deletionTimestamp !== undefined) return undefined;
    const training = this.adopt(newest, folder);
    if (!isFinished(newest)) return training;
    try {
      training.attach({
        lends: false,
        wanted: () => true,
        checkpoint: () => Promise.resolve(),
        result: (files) => writeResult(folder, files),
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
    const { CHECKPOINT_SECONDS: graceSeconds } = this.config;
    // An earlier start has ended, or is of an attempt that is no longer: two are never to train at once.
    for (const { metadata } of await this.jobs.list(job.id)) {
      await this.jobs.removeWhole(metadata.name, graceSeconds + aroundGraceSeconds, signal);
      await this.forgetOrders(metadata);
    }
    const start = randomUUID();
    await mkdir(folder.path, { recursive: true });
    await rm(folder.of(resultName), { force: true });
    const { inputs, yaml } = await this.prepare(job, settled, folder, signal);
    await folder.putProcessAside();
    await writeFile(folder.config, yaml);
    await appendFile(folder.events, startMarkLine(job.attempt, start));
    const name = jobName(job.id, job.attempt);
    const orders = this.orders(name, start, inputs);
    await orders.write();
    signal.throwIfAborted();
    const made = await this.jobs.create(
      this.describe(job, settled.plan, { start, yaml, inputs, secondsLeft }),
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
      result: (files) => writeResult(folder, files),
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
    const files = await readResult(folder);
    if (files === undefined) {
      // Nothing else would lead to another start: the training itself came to its end.
      await this.putAside(job, folder);
      throw new Failure('KILLED', 'The pod ended before its result was in the object store.', {
        remedy: 'It goes on from its last checkpoint; if it stays, check that pods reach the object store.',
      });
    }
    const wanted = files.filter(({ path }) => isResult(method, path));
    if (method === 'full') return this.store.name('weights', wanted, []);
    const config = wanted.find(({ path }) => path === 'adapter_config.json');
    const others = wanted.filter((file) => file !== config);
    const stored = config && (await this.store.name('adapter', [config], []));
    const text = stored ? String(await this.store.getFile(stored, 'adapter_config.json')) : '{}';
    const named = { path: 'adapter_config.json', source: Buffer.from(nameBaseModelIn(text, baseReference)) };
    return this.store.name('adapter', others, [named]);
  }

  leave(): Promise<void> {
    return Promise.resolve();
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

  /** Removes a Job with its pod, and what was written for it. */
  async remove({ metadata }: Job): Promise<void> {
    await this.jobs.remove(metadata.name);
    await this.forgetOrders(metadata);
  }

  private async forgetOrders({ name, annotations: told }: Job['metadata']): Promise<void> {
    await this.store.removeNote(noteName(name, told[annotations.start] ?? ''));
  }

  private orders(name: string, start: string, inputs: readonly PodInput[]): PodOrders {
    return new PodOrders(this.store, this.log, noteName(name, start), inputs, this.config.ADOPT_SECONDS);
  }

  /** Puts all that the pod reads into the store, and renders the configuration. */
  private async prepare(
    { runId, input: { spec, dataset } }: ClaimedJob<TrainInput>,
    { plan, base }: SettledTraining,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<{ inputs: PodInput[]; yaml: string }> {
    const { prompt } = spec.training;
    const paths = pathsFor(prompt, dataset.artifact);
    const { directory, config } = await this.models.locate(pinBaseModel(spec.model, base), signal);
    const model = await storeModel(this.store, directory, signal);
    const inputs: PodInput[] = [{ digest: model, from: '', to: paths.model, cache: true }];
    if (prompt === 'chat') {
      inputs.push({ digest: dataset.artifact.digest, from: 'train.jsonl', to: paths.data, cache: false });
    } else {
      const target = folder.of('questions.jsonl');
      const source = join(await this.cache.materialise(dataset.artifact, signal), 'train.jsonl');
      await writeQuestionsAndAnswers(source, target, signal);
      const { digest } = await this.store.putFiles('dataset', [{ path: 'rows.jsonl', source: target }], { signal });
      inputs.push({ digest, from: 'rows.jsonl', to: paths.data, cache: false });
    }
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

  /** What was said before the checkpoint belongs to the training, wherever it was said to. */
  private async recallEvents(checkpoint: ArtifactRef, folder: RunFolder): Promise<void> {
    const here = await readFile(folder.events, 'utf8').catch(() => '');
    if (here === '') await writeFile(folder.events, await this.store.getFile(checkpoint, eventsName));
  }

  private describe(
    { id, runId, attempt, token, input: { spec } }: ClaimedJob<TrainInput>,
    { device, processes }: TrainingPlan,
    about: { start: string; yaml: string; inputs: PodInput[]; secondsLeft: number | undefined },
  ): TrainingJob {
    const { config } = this;
    const { KUBERNETES_IMAGE: image = '' } = config;
    const { KUBERNETES_ENGINE_CODE: code, KUBERNETES_PYTHON: python } = config;
    const { secondsLeft } = about;
    const graceSeconds = config.CHECKPOINT_SECONDS;
    const env = podProcessEnv({ python }, { work: folders.work, code, device, threads: config.KUBERNETES_CPUS });
    return {
      identity: {
        ...{ installation: config.KUBERNETES_INSTALLATION, jobId: id, runId, attempt, token },
        ...{ start: about.start, inputs: JSON.stringify(about.inputs) },
      },
      image,
      python,
      command: podCommand({ python }, { device, processes }),
      env: {
        ...env,
        ANNEAL_WORK: folders.work,
        ANNEAL_CHECKPOINT_SECONDS: String(config.CHECKPOINT_UPLOAD_SECONDS),
        // The pod needs time to send what was written.
        ANNEAL_GRACE_SECONDS: String(Math.ceil(graceSeconds * 0.6)),
        ANNEAL_POLL_SECONDS: String(config.KUBERNETES_POLL_SECONDS),
      },
      config: about.yaml,
      processes,
      modelName: spec.name,
      resources: {
        gpus: device === 'gpu' ? processes : 0,
        cpus: config.KUBERNETES_CPUS,
        memory: config.KUBERNETES_MEMORY_GB,
        disk: config.KUBERNETES_DISK_GB,
        sharedMemory: config.KUBERNETES_SHM_GB,
      },
      // Kubernetes counts from the Job's start, and so the time in which it waits for a node.
      maxSeconds: secondsLeft && secondsLeft + aroundLimitSeconds + config.KUBERNETES_SCHEDULE_SECONDS,
      graceSeconds,
      settings: {
        gpuResource: config.KUBERNETES_GPU_RESOURCE,
        queue: config.KUBERNETES_QUEUE,
        cacheClaim: config.KUBERNETES_CACHE_CLAIM,
        nodeSelector: config.KUBERNETES_NODE_SELECTOR,
        pullSecret: config.KUBERNETES_PULL_SECRET,
        priorityClass: config.KUBERNETES_PRIORITY_CLASS,
        keepSeconds: config.KUBERNETES_KEEP_SECONDS,
      },
    };
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

const resultName = 'result.json';
const resultFiles = z.array(manifestFile);

function writeResult(folder: RunFolder, files: ManifestFile[]): Promise<void> {
  return writeFile(folder.of(resultName), JSON.stringify(files));
}

async function readResult(folder: RunFolder): Promise<ManifestFile[] | undefined> {
  const text = await readFile(folder.of(resultName), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : resultFiles.parse(JSON.parse(text));
}

function noteName(name: string, start: string): string {
  return `${name}-${start}`;
}

/** Whether Kubernetes has written down how the Job ended. */
export function isFinished({ status }: Job): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}
