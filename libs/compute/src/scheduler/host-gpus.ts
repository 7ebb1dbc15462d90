import { backfill, reserve, type Holding, type Reservation } from './reservation.js';
import type { Host, HoldingJob, WaitingJob } from './scheduler-types.js';

/** The GPUs of one host while it is decided who gets them. */
export class HostGpus {
  readonly name: string;
  /** How many there are. */
  readonly size: number;
  private readonly indices: number[];
  private readonly holdings: Holding[];
  private reservation: Reservation | undefined;

  constructor(
    { name, gpus }: Host,
    holding: readonly HoldingJob[],
    private readonly now: number,
  ) {
    const here = holding.filter(({ host }) => host === name);
    const taken = new Set(here.flatMap(({ indices }) => indices));
    this.name = name;
    this.size = gpus.length;
    this.indices = gpus.filter((index) => !taken.has(index));
    this.holdings = here.map(({ indices, endsAt }) => ({
      gpus: indices.length,
      // One that is past its limit is about to end.
      endsAt: endsAt === undefined ? undefined : Math.max(endsAt, now),
    }));
  }

  /** How many are free. */
  get free(): number {
    return this.indices.length;
  }

  get isReserved(): boolean {
    return this.reservation !== undefined;
  }

  /** How many more the job needs than are free. */
  missing({ gpus }: WaitingJob): number {
    return Math.max(0, gpus - this.free);
  }

  /** Whether the job can start here now without delaying the one that GPUs are kept for. */
  takes(job: WaitingJob): boolean {
    if (this.missing(job) > 0) return false;
    return this.reservation === undefined || backfill(this.reservation, holdingOf(job, this.now)) !== undefined;
  }

  /** Starts a job that {@link takes} allows. */
  start(job: WaitingJob): { indices: number[]; inTurn: boolean } {
    const holding = holdingOf(job, this.now);
    const isInTurn = this.reservation === undefined;
    if (this.reservation) this.reservation = backfill(this.reservation, holding);
    this.holdings.push(holding);
    return { indices: this.indices.splice(0, job.gpus).toSorted((a, b) => a - b), inTurn: isInTurn };
  }

  reservationFor({ gpus }: WaitingJob): Reservation {
    return reserve(gpus, this.free, this.holdings);
  }

  reserve(job: WaitingJob): void {
    this.reservation = this.reservationFor(job);
  }
}

/** What a job takes when it starts then. */
export const holdingOf = ({ gpus, mostMs }: WaitingJob, startsAt: number): Holding => ({
  gpus,
  endsAt: mostMs === undefined ? undefined : startsAt + mostMs,
});
