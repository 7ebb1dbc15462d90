import { isSlotFree, isSlotTaken, slotFile, type Gpu } from '@anneal/compute';
import { Failure, type StageName } from '@anneal/contracts';
import { GiveBack, type ClaimedJob, type JobChoice, type StopSignal, type WorkContext } from '@anneal/jobs';
import type { ProgressPublisher } from '@anneal/messaging';
import type { Logger } from '@anneal/service';
import type { DataSource } from 'typeorm';
import { DeviceTable, type DeviceRequest, type Standing } from './device.table.js';
import { type HostDevices, type DeviceKind } from './host.devices.js';
import { readHosts, registerHost } from './host.table.js';
import { hostsFor } from './request.rows.js';
import { openDeviceSchema } from './schema.js';
import { WaitingProgress } from './waiting.progress.js';

const lookMs = 1_000;
const beatMs = 5_000;

interface Ticket {
  readonly device: DeviceKind;
  readonly stand: (standing: Standing) => void;
}

export interface DeviceQueueOptions {
  readonly stage: StageName;
  readonly devices: HostDevices;
  readonly dataSource: DataSource;
  /** By which the schema is brought up to date. */
  readonly url: string;
  readonly workDir: string;
  readonly progress: ProgressPublisher;
  readonly log: Logger;
  /** How many more jobs of other hosts this service would take on. */
  readonly open?: () => number;
}

/** What a job asks for. */
export type Wanted = Pick<DeviceRequest, 'device' | 'wanted' | 'priority'> &
  Partial<Pick<DeviceRequest, 'memoryMiB' | 'movable' | 'mostSeconds'>>;

/** Where the jobs of a service wait for devices, and get them in their turn. */
export class DeviceQueue {
  private readonly table: DeviceTable;
  private readonly tickets = new Map<string, Ticket>();
  /** Jobs that have devices here, or are about to. */
  private readonly attended = new Set<string>();
  /** Jobs that got devices on another host. */
  private readonly handedOver = new Set<string>();
  private looking: NodeJS.Timeout | undefined;
  private beating: NodeJS.Timeout | undefined;
  private deciding: Promise<void> | undefined;
  private decideAgain = false;

  constructor(private readonly options: DeviceQueueOptions) {
    this.table = new DeviceTable(options.dataSource);
  }

  async onModuleInit(): Promise<void> {
    await openDeviceSchema(this.options.url);
    await this.options.devices.look();
    await this.register();
    this.beating = setInterval(() => {
      this.beat().catch((error: unknown) => this.options.log.debug({ err: error }, 'the host could not be registered'));
    }, beatMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.looking);
    clearInterval(this.beating);
  }

  /** Which jobs the worker of this host takes: not those that got devices on another host, and first those that did here. */
  get choice(): JobChoice {
    const moved = 'SELECT FROM devices.request AS got WHERE got.job_id = job.id AND got.host <> got.home';
    return {
      not: `EXISTS (${moved} AND got.host <> $5 AND got.attended_until > now())`,
      first: `EXISTS (${moved} AND got.host = $5)`,
      value: this.options.devices.name,
    };
  }

  /**
   * Waits until the job has its devices; at once when it has them already.
   *
   * @returns indices of its GPUs; of the CPU there is one
   * @throws GiveBack when it got them on another host, where a service takes the job then
   */
  async take(job: ClaimedJob<unknown>, wanted: Wanted, { signal, commit }: WorkContext): Promise<readonly number[]> {
    const { stage, devices, progress } = this.options;
    if (wanted.device === 'gpu') await devices.look();
    await this.register();
    const { id: jobId, runId, project } = job;
    const { movable = false, memoryMiB, mostSeconds } = wanted;
    const asked = { ...{ jobId, runId, project, service: stage, home: devices.name }, ...wanted, movable };
    const request: DeviceRequest = { ...asked, memoryMiB, mostSeconds };
    await this.requireHost(request);
    await commit((tx) => this.table.ask(tx, request));
    this.attended.add(jobId);
    this.handedOver.delete(jobId);
    const telling = new WaitingProgress(progress, { stage, runId, attempt: job.attempt, ...wanted });
    try {
      return await new Promise<readonly number[]>((resolve, reject) => {
        const stop = (): void => reject(new Error(`the run is ${String(signal.reason)}`));
        signal.addEventListener('abort', stop, { once: true });
        const stand = (standing: Standing): void => {
          if (!('indices' in standing)) telling.tell(standing);
          else if (standing.host === devices.name) resolve(standing.indices);
          else {
            this.handedOver.add(jobId);
            reject(new GiveBack(`it got devices on ${standing.host}`));
          }
        };
        this.tickets.set(jobId, { device: wanted.device, stand });
        if (signal.aborted) stop();
        this.looking ??= setInterval(() => this.decideSoon(), lookMs).unref();
        this.decideSoon();
      });
    } finally {
      telling.end();
      this.tickets.delete(jobId);
      if (this.handedOver.has(jobId)) this.attended.delete(jobId);
    }
  }

  /** GPUs of the other hosts where a service of this kind is, the hosts with the most memory first. */
  async elsewhere(): Promise<(readonly Gpu[])[]> {
    const { stage, devices, dataSource } = this.options;
    const hosts = await readHosts(dataSource);
    const memory = (gpus: readonly Gpu[]): number => gpus.reduce((all, { memoryMiB }) => all + memoryMiB, 0);
    return hosts
      .filter(({ name, service, gpus }) => service === stage && name !== devices.name && gpus.length > 0)
      .map(({ gpus }) => gpus)
      .toSorted((a, b) => memory(b) - memory(a));
  }

  /** Attends to a job that has its devices from an earlier attempt. */
  attend({ id }: { id: string }): void {
    this.attended.add(id);
  }

  /** Notes when a job that has devices will probably give them back, for those that wait. */
  async expectEnd({ id }: { id: string }, seconds: number): Promise<void> {
    await this.table.expectEnd(id, seconds);
  }

  /**
   * Gives back what a job has, or its place in the queue. Not when it is to go on with it: when only this service stops,
   * when another worker has the job by now, or when it goes on on another host.
   */
  async leave({ id }: { id: string }, { reason }: StopSignal): Promise<void> {
    this.attended.delete(id);
    if (this.handedOver.delete(id) || reason === 'lease-lost') return;
    try {
      await (reason === 'stopping' ? this.table.neglect(id) : this.table.remove(id));
    } catch (error) {
      // A later decision sees that nobody attends to it, and that its processes have ended.
      this.options.log.warn({ err: error, jobId: id }, 'the devices of a job could not be given back yet');
    }
    this.decideSoon();
  }

  private async register(): Promise<void> {
    const { stage, devices, dataSource, open } = this.options;
    const { name, gpus, memoryMiB } = devices;
    await registerHost(dataSource, { ...{ name, gpus, memoryMiB }, service: stage, open: Math.max(0, open?.() ?? 0) });
  }

  private async beat(): Promise<void> {
    await this.options.devices.look();
    await this.register();
    if (this.attended.size > 0) await this.table.attend([...this.attended]);
  }

  private decideSoon(): void {
    if (this.tickets.size === 0) return;
    if (this.deciding) {
      this.decideAgain = true;
      return;
    }
    this.decideAgain = false;
    this.deciding = this.decide()
      .catch((error: unknown) => this.options.log.warn({ err: error }, 'it could not be decided which job is next'))
      .finally(() => {
        this.deciding = undefined;
        if (this.decideAgain) this.decideSoon();
      });
  }

  private async decide(): Promise<void> {
    const { name } = this.options.devices;
    for (const device of new Set([...this.tickets.values()].map((ticket) => ticket.device))) {
      const gone: string[] = [];
      for (const { jobId, indices } of await this.table.unattended(name, device)) {
        if (await this.areFree(device, indices)) gone.push(jobId);
      }
      const last = new Map([[name, device === 'cpu' ? [] : this.lockedGpus()]]);
      for (const [jobId, standing] of await this.table.decide(device, { last, gone })) {
        this.tickets.get(jobId)?.stand(standing);
      }
    }
  }

  /** Processes hold the locks of their devices until the last one of them has ended, whoever started them. */
  private async areFree(device: DeviceKind, indices: readonly number[]): Promise<boolean> {
    const { workDir } = this.options;
    const files = device === 'cpu' ? [slotFile(workDir, 'cpu')] : indices.map((index) => slotFile(workDir, index));
    return (await Promise.all(files.map(isSlotFree))).every(Boolean);
  }

  /**
   * `anneal evaluate` and other installations use devices without a place in this queue. One of theirs is given out last;
   * then the job waits for its lock, since among those that wait there the kernel starves nobody.
   */
  private lockedGpus(): number[] {
    const { workDir, devices } = this.options;
    return devices.gpus.map(({ index }) => index).filter((index) => isSlotTaken(slotFile(workDir, index)));
  }

  private async requireHost(request: DeviceRequest): Promise<void> {
    const { wanted, device } = request;
    const { devices, dataSource } = this.options;
    if (device === 'cpu' || devices.gpus.length >= wanted) return;
    // One that is busy now may have room later.
    const hosts = (await readHosts(dataSource)).map((host) => ({ ...host, open: 1 }));
    if (hostsFor({ ...request, memoryMiB: request.memoryMiB ?? null }, hosts, device).length > 0) return;
    throw new Failure('SPEC_UNSUPPORTED', `It needs ${wanted} GPUs, and no host that is there has as many.`, {
      remedy: 'It is tried again, since such a host may come; or request the run anew with fewer training.gpus.',
      field: 'training.gpus',
      retryable: true,
    });
  }
}
