import type { Gpu } from '@anneal/compute';
import type { TrainingPlan } from '@anneal/contracts';
import { DeviceQueue, HostDevices } from '@anneal/devices';
import type { ClaimedJob, JobChoice, StopSignal, WorkContext } from '@anneal/jobs';
import { LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { TrainInput } from '../train.input.js';
import type { TrainingLog } from '../training/training.log.js';

const noteMs = 10_000;
/** Beyond the limit of a training: to load, to write its last checkpoint, and to end. */
const aroundLimitSeconds = 600;

/** What trainings ask of the queue for devices. */
@Injectable()
export class TrainingQueue {
  constructor(
    @Inject(LOGGER) private readonly log: Logger,
    private readonly devices: HostDevices,
    private readonly queue: DeviceQueue,
  ) {}

  /** A training that got devices on another host is left to the service there. */
  get choice(): JobChoice {
    return this.queue.choice;
  }

  /** What a training may be planned for: the GPUs of this host, else those of another one, the largest first. */
  async layouts(): Promise<[readonly Gpu[], ...(readonly Gpu[])[]]> {
    return [await this.devices.look(), ...(await this.queue.elsewhere())];
  }

  /**
   * Waits until the training has its devices; at once when it has them already.
   *
   * @returns indices of its GPUs; of the CPU there is one
   */
  take(
    job: ClaimedJob<TrainInput>,
    plan: Pick<TrainingPlan, 'device' | 'processes' | 'estimate'>,
    secondsLeft: number | undefined,
    context: WorkContext,
  ): Promise<readonly number[]> {
    const { device, processes } = plan;
    const wanted = {
      device,
      wanted: device === 'cpu' ? 1 : processes,
      priority: job.input.spec.training.priority,
      movable: true,
      memoryMiB: this.memoryFor(plan),
      mostSeconds: secondsLeft === undefined ? undefined : secondsLeft + aroundLimitSeconds,
    };
    return this.queue.take(job, wanted, context);
  }

  /** Attends to a training that runs, and notes from time to time when it will probably end, for those that wait. */
  follow(job: { id: string }, log: Pick<TrainingLog, 'secondsLeft'>): () => void {
    this.queue.attend(job);
    const timer = setInterval(() => {
      const { secondsLeft } = log;
      if (secondsLeft === undefined) return;
      this.queue
        .expectEnd(job, secondsLeft)
        .catch((error: unknown) => this.log.debug({ err: error }, 'the end of a training could not be foretold'));
    }, noteMs).unref();
    return () => clearInterval(timer);
  }

  leave(job: { id: string }, signal: StopSignal): Promise<void> {
    return this.queue.leave(job, signal);
  }

  /** What a GPU of another host has to have: what the plan takes, or as much as those here when that is not known. */
  private memoryFor({ device, estimate }: Pick<TrainingPlan, 'device' | 'estimate'>): number | undefined {
    if (device === 'cpu') return undefined;
    if (estimate) return estimate.bytesPerGpu / 1024 ** 2;
    return Math.min(...this.devices.gpus.map(({ memoryMiB }) => memoryMiB));
  }
}
