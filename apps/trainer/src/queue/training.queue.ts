import { adoptProcess, isSlotTaken, slotFile } from '@anneal/compute';
import { Failure, type TrainingPlan } from '@anneal/contracts';
import type { ClaimedJob, StopSignal, WorkContext } from '@anneal/jobs';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { RunFolder } from '../training/run.folder.js';
import { TrainingProgress } from '../training/training.progress.js';
import type { TrainingLog } from '../training/training.log.js';
import { DeviceTable, type Standing } from './device.table.js';
import { HostDevices, type DeviceKind, type DevicePool } from './host.devices.js';

const lookMs = 1_000;
const noteMs = 10_000;
/** Beyond the limit of a training: to load, to write its last checkpoint, and to end. */
const aroundLimitSeconds = 600;

interface Ticket {
  readonly device: DeviceKind;
  readonly stand: (standing: Standing) => void;
}

/** Where trainings wait for the devices of this host, and get them in their turn. */
@Injectable()
export class TrainingQueue implements OnModuleDestroy {
  private readonly tickets = new Map<string, Ticket>();
  private timer: NodeJS.Timeout | undefined;
  private deciding: Promise<void> | undefined;
  private decideAgain = false;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly devices: HostDevices,
    private readonly table: DeviceTable,
    private readonly progress: TrainingProgress,
  ) {}

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Waits until the job has its devices; at once when it has them already.
   *
   * @returns indices of its GPUs; of the CPU there is one
   */
  async take(
    job: ClaimedJob<TrainInput>,
    { device, processes }: Pick<TrainingPlan, 'device' | 'processes'>,
    secondsLeft: number | undefined,
    { signal, commit }: WorkContext,
  ): Promise<readonly number[]> {
    if (device === 'gpu') await this.devices.look();
    const pool = this.devices.pool(device);
    const wanted = device === 'cpu' ? 1 : processes;
    if (wanted > pool.indices.length) throw tooFew(wanted, pool.indices.length);
    const { priority } = job.input.spec.training;
    const { id: jobId, runId, project } = job;
    const mostSeconds = secondsLeft === undefined ? undefined : secondsLeft + aroundLimitSeconds;
    await commit((tx) => this.table.ask(tx, pool, { jobId, runId, wanted, priority, project, mostSeconds }));
    const telling = this.progress.wait(job, { device, wanted });
    try {
      return await new Promise<readonly number[]>((resolve, reject) => {
        const stop = (): void => reject(new Error(`the run is ${String(signal.reason)}`));
        signal.addEventListener('abort', stop, { once: true });
        const stand = (standing: Standing): void => {
          if ('indices' in standing) resolve(standing.indices);
          else telling.tell(standing);
        };
        this.tickets.set(jobId, { device, stand });
        if (signal.aborted) stop();
        this.timer ??= setInterval(() => this.decideSoon(), lookMs).unref();
        this.decideSoon();
      });
    } finally {
      telling.end();
      this.tickets.delete(jobId);
    }
  }

  /** Notes from time to time when a training will probably end, for those that wait. */
  follow({ id }: { id: string }, log: Pick<TrainingLog, 'secondsLeft'>): () => void {
    const timer = setInterval(() => {
      const { secondsLeft } = log;
      if (secondsLeft === undefined) return;
      this.table
        .expectEnd(id, secondsLeft)
        .catch((error: unknown) => this.log.debug({ err: error }, 'the end of a training could not be foretold'));
    }, noteMs).unref();
    return () => clearInterval(timer);
  }

  /**
   * Gives back what a job has, or its place in the queue. Not when it is to go on with it: when only this service stops,
   * or another worker has the job by now.
   */
  async leave({ id }: { id: string }, { reason }: StopSignal): Promise<void> {
    if (reason === 'stopping' || reason === 'lease-lost') return;
    try {
      await this.table.remove(id);
    } catch (error) {
      // The next decision sees that the training has ended.
      this.log.warn({ err: error, jobId: id }, 'the devices of a training could not be given back yet');
    }
    this.decideSoon();
  }

  private decideSoon(): void {
    if (this.tickets.size === 0) return;
    if (this.deciding) {
      this.decideAgain = true;
      return;
    }
    this.decideAgain = false;
    this.deciding = this.decide()
      .catch((error: unknown) => this.log.warn({ err: error }, 'it could not be decided which training is next'))
      .finally(() => {
        this.deciding = undefined;
        if (this.decideAgain) this.decideSoon();
      });
  }

  private async decide(): Promise<void> {
    for (const device of new Set([...this.tickets.values()].map((ticket) => ticket.device))) {
      const pool = this.unlockedFirst(this.devices.pool(device));
      const gone: string[] = [];
      for (const { jobId, runId } of await this.table.unattended(pool)) {
        const process = await adoptProcess(new RunFolder(this.config.WORK_DIR, runId).process);
        if (process === undefined || 'ended' in process) gone.push(jobId);
      }
      for (const [jobId, standing] of await this.table.decide(pool, gone)) this.tickets.get(jobId)?.stand(standing);
    }
  }

  /**
   * Merges and evaluations use devices without a place in this queue. One of theirs is given out last; then the training
   * waits for its lock, since among those that wait there the kernel starves nobody.
   */
  private unlockedFirst(pool: DevicePool): DevicePool {
    const { device, indices } = pool;
    if (device === 'cpu') return pool;
    const taken = new Set(indices.filter((index) => isSlotTaken(slotFile(this.config.WORK_DIR, index))));
    const order = [...indices.filter((index) => !taken.has(index)), ...taken];
    return { ...pool, indices: order };
  }
}

function tooFew(wanted: number, there: number): Failure {
  return new Failure('SPEC_UNSUPPORTED', `The training was planned for ${wanted} GPUs, and this host has ${there}.`, {
    remedy: 'It is tried again, since another host may have them; or request the run anew with fewer training.gpus.',
    field: 'training.gpus',
    retryable: true,
  });
}
