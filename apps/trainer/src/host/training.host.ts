import type { ExitRecord, ProcessState } from '@anneal/compute';
import type { ArtifactRef, Failure, TrainingPlan } from '@anneal/contracts';
import type { ClaimedJob, StopSignal, WorkContext } from '@anneal/jobs';
import type { Hosts } from '@anneal/planning';
import type { SettledTraining } from '../plan/training.table.js';
import type { TrainInput } from '../train.input.js';
import type { RunFolder } from '../training/run.folder.js';
import type { TrainingLog } from '../training/training.log.js';

/** For the one host that a service trains on; its configuration says which. */
export const TRAINING_HOST = Symbol('training host');

/** How a training ended, and what its host knows about that beyond its own words. */
export interface HostExit extends ExitRecord {
  readonly failure?: Failure;
}

/** A training that goes on when this service does not, and that is found again through its job. */
export interface HostedTraining {
  /** What an operator would look for. */
  readonly name: string;
  /** Whether a service on another machine can adopt it: then a lost lease is no reason to end it. */
  readonly roams: boolean;
  state(): ProcessState;
  /** What it waits for, while it waits. */
  waitsFor(): string;
  /** Resolves once it has ended, and counts as attending to it meanwhile; aborting ends the waiting only. */
  wait(signal?: AbortSignal): Promise<HostExit>;
  /** Allows it to go on for so many seconds without anybody who waits for it. */
  leaveFor(seconds: number): Promise<void>;
  /** Asks it to write a checkpoint and to end. */
  askToStop(): Promise<void>;
  /** Ends it without one; resolves when it is gone. */
  kill(graceMs: number): Promise<void>;
}

export type FoundTraining = HostedTraining | { ended: HostExit };

/** Where trainings run. What a training reads and says lies in its run's folder, wherever that is. */
export interface TrainingHost {
  /** How many trainings are taken on at once, those that wait counted. */
  readonly trainings: number;
  /** What there is to train on. */
  capacity(): Promise<Hosts>;
  /** What an earlier attempt left: a training that goes on, or how it ended. */
  find(job: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<FoundTraining | undefined>;
  /**
   * Starts a training, when it is its turn, at the beginning or from its newest checkpoint. None may be going on.
   *
   * @param secondsLeft of the time that it may run
   */
  start(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    folder: RunFolder,
    secondsLeft: number | undefined,
    context: WorkContext,
  ): Promise<HostedTraining>;
  /** Keeps its checkpoints while it goes on. @returns what ends that */
  follow(
    training: FoundTraining,
    job: ClaimedJob<TrainInput>,
    folder: RunFolder,
    log: TrainingLog,
    context: WorkContext,
  ): () => Promise<void>;
  /** Keeps what was found from being found again. */
  putAside(job: Pick<ClaimedJob<unknown>, 'id'>, folder: RunFolder): Promise<void>;
  /** Stores what a completed training made. */
  result(
    job: Pick<ClaimedJob<unknown>, 'id'>,
    plan: TrainingPlan,
    baseReference: string,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<ArtifactRef>;
  /** Gives back what a job had or waited for, unless it is to go on with it. */
  leave(job: Pick<ClaimedJob<unknown>, 'id'>, signal: StopSignal): Promise<void>;
  /** Ends what was started for another turn of the run. */
  clearOlder(job: Pick<ClaimedJob<unknown>, 'id' | 'turn'>, folder: RunFolder): Promise<void>;
  /** What goes on for a job that nobody works on, if this host looks for such trainings by their folders. */
  leftOver(folder: RunFolder): Promise<HostedTraining | undefined>;
}
