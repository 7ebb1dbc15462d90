import type { Progress } from '@anneal/contracts';
import { LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { RunRecord } from '../../runs/run.record.js';
import { RunTable } from '../../runs/run.table.js';
import { RunFeed } from '../../watch/run.feed.js';
import { JobEventTable, type StepMetrics } from './job.event.table.js';
import { storyOf } from './job.story.js';

const writeEveryMs = 500;

/** Writes down what jobs have to tell: changes of a run in the transaction that makes them, steps some at a time. */
@Injectable()
export class JobEvents implements OnModuleInit, BeforeApplicationShutdown {
  private steps: StepMetrics[] = [];
  private writing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly runs: RunTable,
    private readonly feed: RunFeed,
    private readonly table: JobEventTable,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.runs.onChange(async (tx, before, run) => {
      if (isTrainedAnew(before, run)) await this.table.forgetSteps(tx, run.id);
      for (const event of storyOf(before, run)) await this.table.tell(tx, run.id, event);
    });
    const progress = ({ runId: jobId, stage, done, total, loss, unit, ...also }: Progress): void => {
      const { learningRate, rewardAccuracy, rewardMargin } = also;
      if (stage !== 'trainer' || unit !== 'steps' || loss === undefined || done === undefined) return;
      this.steps.push({ jobId, step: done, totalSteps: total, loss, learningRate, rewardAccuracy, rewardMargin });
      this.timer ??= setTimeout(() => void this.flush(), writeEveryMs);
    };
    this.feed.listenToAll({ progress, changed: () => undefined });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.flush();
  }

  /** All steps that were heard of are in the table. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { steps } = this;
    this.steps = [];
    if (steps.length > 0) this.writing = this.writing.then(() => this.write(steps));
    await this.writing;
  }

  private async write(steps: readonly StepMetrics[]): Promise<void> {
    try {
      await this.table.addSteps(steps);
    } catch (error) {
      this.logger.warn({ err: error, steps: steps.length }, 'steps of trainings could not be written');
    }
  }
}

function isTrainedAnew(before: RunRecord, run: RunRecord): boolean {
  return before.renewed.trainer !== run.renewed.trainer;
}
