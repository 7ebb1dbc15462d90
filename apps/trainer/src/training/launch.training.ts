import { appendFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { freePort, slotFile, startProcess, type SupervisedProcess } from '@anneal/compute';
import {
  axolotlConfig,
  engineProcessEnv,
  findCompleteCheckpoint,
  renderYaml,
  trainCommand,
  type AxolotlPaths,
} from '@anneal/engine';
import type { ClaimedJob } from '@anneal/jobs';
import { BaseModels, CONFIG, LOGGER, type Logger } from '@anneal/service';
import { carrierOf } from '@anneal/tracing';
import { Inject, Injectable } from '@nestjs/common';
import { chatForm } from '../axolotl/chat-template.js';
import { shapeOf } from '../plan/model.shape.js';
import { locatePlannedModel } from '../plan/planned.model.js';
import type { SettledTraining } from '../plan/training.table.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { dataFormOf, placeRows } from './data.form.js';
import { diskTooFull, roomNeeded } from './disk.room.js';
import { pathsFor, type RunFolder } from './run.folder.js';
import { StoreCheckpoints } from './store.checkpoints.js';
import { startMarkLine } from './training.log.js';

/** Starts Axolotl for a run, at the beginning or from where an earlier start got to. */
@Injectable()
export class LaunchTraining {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly models: BaseModels,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
    private readonly checkpoints: StoreCheckpoints,
  ) {}

  /**
   * Nobody may be training in the folder.
   *
   * @param indices of the GPUs to train on
   */
  async launch(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    folder: RunFolder,
    indices: readonly number[],
    signal: AbortSignal,
  ): Promise<SupervisedProcess> {
    const { spec, dataset } = job.input;
    const form = await dataFormOf(job.input, this.store);
    const { prompt } = form;
    const paths = pathsFor(form, dataset.artifact);
    await this.checkpoints.restore(job.runId, folder, signal);
    const resumeFrom = await this.newestCheckpoint(job.runId, folder, paths);
    if (resumeFrom === undefined) await this.checkRoom(settled);
    const { directory, config } = await locatePlannedModel(this.models, job.input, settled.base, folder, signal);
    await this.prepare(folder, paths, directory);
    await this.cache.use(dataset.artifact, signal, (rows) => placeRows(rows, folder.of(paths.data), form, signal));
    const family = shapeOf(config, settled.base)?.family;
    const chat = prompt === 'chat' ? await chatForm(directory, spec.model.base, family) : { endOfTurn: [] };
    const { plan } = settled;
    const yaml = renderYaml(axolotlConfig({ plan, prompt, paths, ...chat, ...(resumeFrom ? { resumeFrom } : {}) }));
    await writeFile(folder.config, yaml);
    signal.throwIfAborted();
    return this.start(job, settled, folder, indices);
  }

  /** Said now, and not when a checkpoint is half written after hours. */
  private async checkRoom({ plan, base }: SettledTraining): Promise<void> {
    const { WORK_DIR: workDir, DISK_RESERVE_MB: reserveMb } = this.config;
    const failure = await diskTooFull(workDir, roomNeeded(plan, base.parameters) + reserveMb * 1e6);
    if (failure) throw failure;
  }

  private async newestCheckpoint(
    runId: string,
    folder: RunFolder,
    { output }: AxolotlPaths,
  ): Promise<string | undefined> {
    const { checkpoint, rejected } = await findCompleteCheckpoint(folder.of(output));
    for (const { name, reason } of rejected) {
      this.log.warn({ runId, checkpoint: name, reason }, 'a checkpoint is not complete and is passed over');
      // Axolotl counts it among those to keep, and would delete a whole one in its place.
      await rm(folder.of(join(output, name)), { recursive: true, force: true });
    }
    if (checkpoint === undefined) return undefined;
    this.log.info({ runId, checkpoint: checkpoint.name }, 'the training goes on from a checkpoint');
    return join(output, checkpoint.name);
  }

  private async prepare(folder: RunFolder, paths: AxolotlPaths, model: string): Promise<void> {
    for (const path of [folder.of('data'), folder.of(paths.output), folder.home])
      await mkdir(path, { recursive: true });
    await rm(folder.stop, { force: true });
    // What a killed start left half prepared, Axolotl would take for whole.
    await rm(folder.of(paths.prepared), { recursive: true, force: true });
    await rm(folder.of(paths.model), { force: true });
    await symlink(model, folder.of(paths.model));
  }

  private async start(
    job: ClaimedJob<TrainInput>,
    { plan }: SettledTraining,
    folder: RunFolder,
    indices: readonly number[],
  ): Promise<SupervisedProcess> {
    // The records of the last start go first: from here on they must not be taken for those of this one.
    await folder.putProcessAside();
    await appendFile(folder.events, startMarkLine(job.attempt));
    const engine = { python: this.config.ENGINE_PYTHON };
    const { device, processes } = plan;
    const gpus = device === 'gpu' ? [...indices] : [];
    const slots =
      device === 'gpu' ? gpus.map((gpu) => slotFile(this.config.WORK_DIR, gpu)) : slotFile(this.config.WORK_DIR, 'cpu');
    const port = processes > 1 ? { port: await freePort() } : {};
    const { command, args } = trainCommand(engine, { config: folder.config, device, processes, ...port });
    return startProcess({
      directory: folder.process,
      identity: { job: job.id, attempt: job.attempt, token: job.token },
      command,
      args,
      env: engineProcessEnv(engine, {
        home: folder.home,
        gpus,
        threads: device === 'cpu' ? Math.max(1, Math.floor(this.config.THREADS / processes)) : this.config.THREADS,
        events: folder.events,
        stopFile: folder.stop,
        trace: carrierOf(),
      }),
      cwd: folder.path,
      // Merges and evaluations take the same locks, and so does another installation with the same folder.
      slot: slots,
      // Another host may have the job after one lease of silence; this one's training ends before it wastes much.
      attendedSeconds: 2 * this.config.LEASE_SECONDS,
    });
  }
}

/** A folder may have other weights by now; a checkpoint of the old ones would go on from them without a word. */
