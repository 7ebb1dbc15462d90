import type { Progress, StageName } from '@anneal/contracts';
import type { ProgressPublisher } from '@anneal/messaging';
import type { DeviceKind } from './host.devices.js';
import { waitingPhase, wholeMinute } from './queue.words.js';

/** Progress may be lost, and a place in the queue may stay the same for hours. */
const repeatMs = 15_000;

/** Says where a job is in line: at once, when that changes, and from time to time. */
export class WaitingProgress {
  private news: Pick<Progress, 'phase' | 'position' | 'startsAt'> | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly publisher: ProgressPublisher,
    private readonly job: { stage: StageName; runId: string; attempt: number; device: DeviceKind; wanted: number },
  ) {
    this.timer = setInterval(() => this.say(), repeatMs).unref();
  }

  tell({ position, startsAt }: { position: number; startsAt: Date | undefined }): void {
    const next = {
      phase: waitingPhase(this.job, position),
      position,
      ...(startsAt === undefined ? {} : { startsAt: wholeMinute(startsAt).toISOString() }),
    };
    const isNew = JSON.stringify(next) !== JSON.stringify(this.news);
    this.news = next;
    if (isNew) this.say();
  }

  end(): void {
    clearInterval(this.timer);
  }

  private say(): void {
    if (this.news === undefined) return;
    const { runId, stage, attempt } = this.job;
    this.publisher.publish({ runId, stage, at: new Date().toISOString(), attempt, ...this.news });
  }
}
