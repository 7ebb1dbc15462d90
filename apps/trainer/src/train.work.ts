import { existsSync } from 'node:fs';
import {
  TrainingCompleted,
  TrainingPaused,
  Failure,
  type ArtifactRef,
  type TrainedModel,
  type TrainingPlan,
} from '@anneal/contracts';
import { Outbox, type ClaimedJob, type Completion, type JobChoice, type WorkContext } from '@anneal/jobs';
import { CONFIG, LOGGER, TRACER, type Logger, type StageWork } from '@anneal/service';
import type { Tracer } from '@anneal/tracing';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TRAINING_HOST, type HostedTraining, type HostExit, type TrainingHost } from './host/training.host.js';
import { MemoryTable } from './plan/memory.table.js';
import { SettleTraining } from './plan/settle.training.js';
import type { SettledTraining } from './plan/training.table.js';
import { trainInput, type TrainInput } from './train.input.js';
import { toTrainerFailure } from './trainer.failure.js';
import type { TrainerConfig } from './trainer.config.js';
import { attendTraining, readTrainingLog } from './training/attend.training.js';
import { Leftovers } from './training/leftovers.js';
import { StoreResult } from './training/store.result.js';
import { RunFolder } from './training/run.folder.js';
import { TrainingLog } from './training/training.log.js';
import { trainingOutcome } from './training/training.outcome.js';
import { TrainingProgress } from './training/training.progress.js';
import { traceTraining } from './training/training.trace.js';

/** A log is small; a store that is away is not waited for. */
const storeLogMs = 30_000;

interface Attended {
  readonly job: ClaimedJob<TrainInput>;
  readonly plan: TrainingPlan;
  readonly folder: RunFolder;
  readonly log: TrainingLog;
  readonly context: WorkContext;
}

/** Trains: settles the plan, runs Axolotl on the host of this service, and stores what comes out of it. */
@Injectable()
export class TrainModelWork implements StageWork<TrainInput> {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(TRACER) private readonly tracer: Tracer,
    private readonly settling: SettleTraining,
    private readonly storing: StoreResult,
    private readonly leftovers: Leftovers,
    private readonly progress: TrainingProgress,
    private readonly outbox: Outbox,
    @Inject(TRAINING_HOST) private readonly host: TrainingHost,
    private readonly memory: MemoryTable,
  ) {}

  /** Those that wait for devices count. */
  get concurrency(): number {
    return this.host.trainings;
  }

  get choice(): JobChoice | undefined {
    return this.host.choice;
  }

  /** As long as it may take to write a checkpoint, and as long again to store it. */
  get endSeconds(): number {
    return this.config.ON_STOP === 'leave' ? 5 : 2 * this.config.CHECKPOINT_SECONDS;
  }

  async run(job: ClaimedJob<TrainInput>, context: WorkContext): Promise<Completion> {
    this.leftovers.sweepSoon();
    const { runId } = job;
    const folder = new RunFolder(this.config.WORK_DIR, runId);
    const leaveRoom = this.host.enter();
    try {
      await this.leftovers.clearOlder(folder, job);
      const { settled, log } = await this.trainInTurn(job, folder, context);
      this.progress.say(job, 'storing');
      const artifact = await this.host.result(job, settled.plan, settled.base.reference, folder, context.signal);
      const training = toTrainedModel(artifact, settled, log, await this.storing.putLog(folder, context.signal));
      return async (tx) => {
        const data = { runId, spec: job.input.spec, dataset: job.input.dataset, training };
        await this.outbox.add(tx, TrainingCompleted, data, job);
        if (log.peakBytes !== undefined) await this.memory.note(tx, runId, settled.plan, log.peakBytes);
      };
    } catch (error) {
      if (context.signal.reason === 'cancelled') await this.leftovers.clear(runId);
      throw error;
    } finally {
      leaveRoom();
    }
  }

  toFailure(error: unknown): Failure {
    return toTrainerFailure(error);
  }

  /** What a training wrote before it failed, if it got so far. */
  async leaves({ runId }: ClaimedJob<unknown>): Promise<ArtifactRef[]> {
    const folder = new RunFolder(this.config.WORK_DIR, runId);
    if (!existsSync(folder.config) || !existsSync(folder.events)) return [];
    return [await this.storing.putLog(folder, AbortSignal.timeout(storeLogMs))];
  }

  async paused(job: ClaimedJob<unknown>, tx: EntityManager): Promise<void> {
    const log = new TrainingLog();
    await readTrainingLog(new RunFolder(this.config.WORK_DIR, job.runId), log);
    const { spec } = trainInput.parse(job.input);
    await this.outbox.add(tx, TrainingPaused, { runId: job.runId, spec, step: log.step }, job);
  }

  /** What is done with the model afterwards needs no GPU, and is done without. */
  private async trainInTurn(
    job: ClaimedJob<TrainInput>,
    folder: RunFolder,
    context: WorkContext,
  ): Promise<{ settled: SettledTraining; log: TrainingLog }> {
    try {
      if (context.signal.aborted) await this.stopLeftRunning(job, folder, context);
      return await this.train(job, await this.settling.settle(job, context), folder, context);
    } finally {
      await this.host.leave(job, context.signal);
    }
  }

  /** The run was paused while nobody attended to its training: that is all there is to do. */
  private async stopLeftRunning(job: ClaimedJob<TrainInput>, folder: RunFolder, context: WorkContext): Promise<never> {
    const found = await this.host.find(job, folder);
    if (found && !('ended' in found)) {
      const { plan } = await this.settling.settle(job, context);
      await this.attend(found, { job, plan, folder, log: new TrainingLog(), context });
    }
    throw new Error(`the run is ${String(context.signal.reason)}`);
  }

  /** Runs Axolotl until all steps are done, over as many starts as that takes, by a smaller plan if need be. */
  private async train(
    job: ClaimedJob<TrainInput>,
    announced: SettledTraining,
    folder: RunFolder,
    context: WorkContext,
  ): Promise<{ settled: SettledTraining; log: TrainingLog }> {
    let settled = announced;
    let found = await this.host.find(job, folder);
    for (;;) {
      const log = new TrainingLog();
      const process = found ?? (await this.launch(job, settled, folder, context));
      const exit =
        'ended' in process
          ? process.ended
          : await this.attend(process, { job, plan: settled.plan, folder, log, context });
      if ('ended' in process) {
        await readTrainingLog(folder, log);
        await traceTraining(this.tracer, folder, log, exit);
      }
      const outcome = await trainingOutcome({ folder, log, exit, plan: settled.plan });
      if (outcome === 'completed') return { settled, log };
      // What an earlier attempt ended with is no news when it may be tried again: this attempt is the new try.
      if (outcome !== 'stopped' && !('ended' in process && outcome.retryable)) {
        // A retry of the run makes a new start of it, and is not to find the end of this one.
        if (!outcome.retryable) await this.host.putAside(job, folder);
        const smaller =
          outcome.code === 'GPU_OUT_OF_MEMORY' ? await this.settling.shrink(job, settled, context) : undefined;
        if (smaller === undefined) throw outcome;
        this.log.warn({ runId: job.runId, microBatch: smaller.plan.microBatch }, 'a training goes on in smaller bites');
        settled = smaller;
      }
      found = undefined;
    }
  }

  /** Starts the training when it is its turn. One that is started anew keeps what it has. */
  private async launch(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    folder: RunFolder,
    context: WorkContext,
  ): Promise<HostedTraining> {
    const { maxHours } = job.input.spec.training;
    const log = new TrainingLog();
    await readTrainingLog(folder, log);
    const secondsLeft = maxHours === undefined ? undefined : Math.max(0, maxHours * 3600 - log.secondsOfLimit);
    return this.host.start(job, settled, folder, secondsLeft, context);
  }

  private async attend(training: HostedTraining, { job, plan, folder, log, context }: Attended): Promise<HostExit> {
    const { ON_STOP: onStop, CHECKPOINT_SECONDS: checkpointSeconds, ADOPT_SECONDS: adoptSeconds } = this.config;
    const limits = {
      startSeconds: this.config.START_SECONDS,
      silentSeconds: this.config.SILENT_SECONDS,
      reservedBytes: this.config.DISK_RESERVE_MB * 1e6,
      maxHours: job.input.spec.training.maxHours,
    };
    this.log.info({ runId: job.runId, training: training.name, state: training.state() }, 'a training is attended to');
    const silence = this.progress.report(job, log, training);
    const stopKeeping = this.host.follow(training, job, folder, log, context);
    let exit: HostExit | undefined;
    try {
      const { signal } = context;
      exit = await attendTraining(training, {
        ...{ folder, log, plan, limits, signal, onStop, checkpointSeconds, adoptSeconds },
      });
      return exit;
    } catch (error) {
      // As above: a retry of the run is not to find this end.
      if (error instanceof Failure && !error.retryable) await this.host.putAside(job, folder);
      throw error;
    } finally {
      silence();
      // One that is left alone goes on, and is told by whoever attends to it next.
      if (training.state() === 'ended') await traceTraining(this.tracer, folder, log, exit);
      await stopKeeping();
    }
  }
}

function toTrainedModel(
  artifact: ArtifactRef,
  { plan, base, planArtifact }: SettledTraining,
  log: TrainingLog,
  written: ArtifactRef,
): TrainedModel {
  return {
    artifact,
    base,
    plan,
    planArtifact,
    steps: log.step,
    resumed: log.resumed,
    loss: { first: log.firstLoss ?? 0, last: log.lastLoss ?? 0 },
    log: written,
    seconds: log.seconds,
    ...(log.preference ? { preference: log.preference } : {}),
    ...(log.peakBytes === undefined ? {} : { peakBytesPerGpu: log.peakBytes }),
    ...(log.tokens === undefined ? {} : { tokens: log.tokens }),
    engine: log.versions,
  };
}
