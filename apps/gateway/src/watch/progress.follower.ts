import type { Progress } from '@anneal/contracts';
import { followProgress, type Follower, type NatsConnection } from '@anneal/messaging';
import { LOGGER, NATS, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { RunLedger } from '../runs/run.ledger.js';
import { RunFeed } from './run.feed.js';
import { Throttle } from './throttle.js';

const writeEveryMs = 1000;

/** Hears the progress of all runs: every word goes to those who watch, the newest one of a second to the stage's row. */
@Injectable()
export class ProgressFollower implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private follower: Follower | undefined;
  private readonly rows = new Throttle<Progress>(writeEveryMs, (progress) => this.write(progress));

  constructor(
    @Inject(NATS) private readonly connection: NatsConnection,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly ledger: RunLedger,
    private readonly feed: RunFeed,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.follower = await followProgress(this.connection, {}, (progress) => {
      this.feed.progress(progress);
      // The first word of an attempt says what none after it says again.
      const key = progress.began ? `/${progress.began.work}/${progress.began.claim}` : '';
      this.rows.put(`${progress.runId}/${progress.stage}${key}`, progress);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.follower?.stop();
    await this.rows.close();
  }

  private async write(progress: Progress): Promise<void> {
    try {
      await this.ledger.takeProgress(progress);
    } catch (error) {
      // Progress may be lost; the next word of the stage repeats all that matters.
      this.logger.warn({ err: error, runId: progress.runId, stage: progress.stage }, 'progress could not be written');
    }
  }
}
