import type { Progress } from '@anneal/contracts';
import type { ClaimedJob } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { Injectable } from '@nestjs/common';
import type { HostedTraining } from '../host/training.host.js';
import type { DeviceKind } from '../queue/host.devices.js';
import { waitingPhase, wholeMinute } from '../queue/queue.words.js';
import type { TrainingLog } from './training.log.js';

const everyMs = 500;
/** Progress may be lost, and a place in the queue may stay the same for hours. */
const repeatMs = 15_000;

/** Says how a training goes, twice a second at most and only when there is something new. */
@Injectable()
export class TrainingProgress {
  constructor(private readonly publisher: ProgressPublisher) {}

  /** @returns what ends it */
  report(job: { runId: string; attempt: number }, log: TrainingLog, training: HostedTraining): () => void {
    let said = '';
    const say = (): void => {
      const news = describe(log, training);
      const text = JSON.stringify(news);
      if (text === said) return;
      said = text;
      this.publisher.publish({
        runId: job.runId,
        stage: 'trainer',
        at: new Date().toISOString(),
        attempt: job.attempt,
        ...news,
      });
    };
    say();
    const timer = setInterval(say, everyMs);
    return () => {
      clearInterval(timer);
      say();
    };
  }

  /** Says where a training is in line: at once, when that changes, and from time to time. */
  wait(
    { runId, attempt }: Pick<ClaimedJob<unknown>, 'runId' | 'attempt'>,
    wanted: { device: DeviceKind; wanted: number },
  ): { tell(place: { position: number; startsAt: Date | undefined }): void; end(): void } {
    let news: Pick<Progress, 'phase' | 'position' | 'startsAt'> | undefined;
    const say = (): void => {
      if (news === undefined) return;
      this.publisher.publish({ runId, stage: 'trainer', at: new Date().toISOString(), attempt, ...news });
    };
    const timer = setInterval(say, repeatMs).unref();
    return {
      tell: ({ position, startsAt }) => {
        const next = {
          phase: waitingPhase(wanted, position),
          position,
          ...(startsAt === undefined ? {} : { startsAt: wholeMinute(startsAt).toISOString() }),
        };
        const isNew = JSON.stringify(next) !== JSON.stringify(news);
        news = next;
        if (isNew) say();
      },
      end: () => clearInterval(timer),
    };
  }

  /** One word about what happens before or after the training itself. */
  say({ runId, attempt }: Pick<ClaimedJob<unknown>, 'runId' | 'attempt'>, phase: string): void {
    this.publisher.publish({ runId, stage: 'trainer', at: new Date().toISOString(), attempt, phase });
  }
}

function describe(log: TrainingLog, training: HostedTraining) {
  const waits = training.state() === 'waiting';
  return {
    phase: waits ? training.waitsFor() : log.phase,
    ...(log.maxSteps === undefined ? {} : { done: log.step, total: log.maxSteps, unit: 'steps' as const }),
    ...known('secondsLeft', log.secondsLeft),
    ...known('loss', log.lastLoss),
    ...known('learningRate', log.learningRate),
    ...known('tokensPerSecond', log.tokensPerSecond),
  };
}

function known<Key extends string>(key: Key, value: number | undefined): Partial<Record<Key, number>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, number>);
}
