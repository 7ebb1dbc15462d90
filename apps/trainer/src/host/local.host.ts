import { totalmem } from 'node:os';
import { adoptProcess, type ProcessState, type SupervisedProcess } from '@anneal/compute';
import type { ArtifactRef, TrainingPlan } from '@anneal/contracts';
import type { ClaimedJob, JobChoice, StopSignal, WorkContext } from '@anneal/jobs';
import { hostsOf, type Hosts } from '@anneal/planning';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { writeFile } from 'node:fs/promises';
import type { SettledTraining } from '../plan/training.table.js';
import { TrainingQueue } from '../queue/training.queue.js';
import { TrainingRoom } from '../queue/training.room.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { LaunchTraining } from '../training/launch.training.js';
import type { RunFolder } from '../training/run.folder.js';
import { StoreCheckpoints } from '../training/store.checkpoints.js';
import { StoreResult } from '../training/store.result.js';
import type { TrainingLog } from '../training/training.log.js';
import type { FoundTraining, HostedTraining, HostExit, TrainingHost } from './training.host.js';

const killGraceMs = 5_000;

/** Trains on the machine of the service, in processes that outlive it. */
@Injectable()
export class LocalHost implements TrainingHost {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    private readonly launching: LaunchTraining,
    private readonly storing: StoreResult,
    private readonly checkpoints: StoreCheckpoints,
    private readonly room: TrainingRoom,
    private readonly queue: TrainingQueue,
  ) {}

  /** Those that wait for devices count. */
  get trainings(): number {
    return this.room.most;
  }

  /** A training that got devices on another host is left to the service there. */
  get choice(): JobChoice {
    return this.queue.choice;
  }

  enter(): () => void {
    return this.room.enter();
  }

  async layouts(): Promise<[Hosts, ...Hosts[]]> {
    const [here, ...others] = await this.queue.layouts();
    return [hostsOf(here, totalmem()), ...others.map((gpus) => hostsOf(gpus, totalmem()))];
  }

  async find(_job: unknown, folder: RunFolder): Promise<FoundTraining | undefined> {
    const found = await adoptProcess(folder.process);
    return found === undefined || 'ended' in found ? found : new LocalTraining(found, folder);
  }

  async start(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    folder: RunFolder,
    secondsLeft: number | undefined,
    context: WorkContext,
  ): Promise<HostedTraining> {
    const indices = await this.queue.take(job, settled.plan, secondsLeft, context);
    return new LocalTraining(await this.launching.launch(job, settled, folder, indices, context.signal), folder);
  }

  follow(
    _training: unknown,
    job: ClaimedJob<TrainInput>,
    folder: RunFolder,
    log: TrainingLog,
    context: WorkContext,
  ): () => Promise<void> {
    const stopForetelling = this.queue.follow(job, log);
    const stopKeeping = this.checkpoints.follow(job, folder, context);
    return async () => {
      stopForetelling();
      await stopKeeping();
      // A paused run may be resumed on any host, and one whose service stopped, too.
      const { reason } = context.signal;
      if (reason === 'paused' || (reason === 'stopping' && this.config.ON_STOP === 'checkpoint'))
        await this.checkpoints.keepNewest(job, folder, context.commit);
    };
  }

  putAside(_job: unknown, folder: RunFolder): Promise<void> {
    return folder.putProcessAside();
  }

  result(
    _job: unknown,
    plan: TrainingPlan,
    baseReference: string,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<ArtifactRef> {
    return this.storing.put(plan, baseReference, folder, signal);
  }

  leave(job: Pick<ClaimedJob<unknown>, 'id'>, signal: StopSignal): Promise<void> {
    return this.queue.leave(job, signal);
  }

  async clearOlder(_job: unknown, folder: RunFolder): Promise<void> {
    await (await this.leftOver(folder))?.kill(killGraceMs);
  }

  async leftOver(folder: RunFolder): Promise<HostedTraining | undefined> {
    const found = await this.find(undefined, folder);
    return found === undefined || 'ended' in found ? undefined : found;
  }
}

/** A supervised process as a training. */
class LocalTraining implements HostedTraining {
  readonly roams = false;

  constructor(
    private readonly process: SupervisedProcess,
    private readonly folder: RunFolder,
  ) {}

  get name(): string {
    return `process ${this.process.pid}`;
  }

  state(): ProcessState {
    return this.process.state();
  }

  waitsFor(): string {
    return 'waiting for the device';
  }

  wait(signal?: AbortSignal): Promise<HostExit> {
    return this.process.wait(signal);
  }

  leaveFor(seconds: number): Promise<void> {
    this.process.leaveFor(seconds);
    return Promise.resolve();
  }

  askToStop(): Promise<void> {
    return writeFile(this.folder.stop, '');
  }

  kill(graceMs: number): Promise<void> {
    return this.process.kill(graceMs);
  }
}
