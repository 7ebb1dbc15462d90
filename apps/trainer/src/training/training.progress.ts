import type { ClaimedJob } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { Injectable } from '@nestjs/common';
import type { HostedTraining } from '../host/training.host.js';
import type { TrainingLog } from './training.log.js';

const everyMs = 500;

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
    ...known('rewardAccuracy', log.preference?.accuracy),
    ...known('rewardMargin', log.preference?.margin),
  };
}

function known<Key extends string>(key: Key, value: number | undefined): Partial<Record<Key, number>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, number>);
}
