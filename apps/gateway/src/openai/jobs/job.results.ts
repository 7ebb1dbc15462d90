import { LOGGER, type Logger } from '@anneal/service';
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { RunTable } from '../../runs/run.table.js';
import { Webhooks } from '../../webhooks/webhooks.js';
import { FileTable } from '../files/file.table.js';
import { Files } from '../files/files.js';
import { JobEvents } from './job.events.js';
import { JobEventTable, type StepRow } from './job.event.table.js';
import type { JobRow } from './job.row.js';
import { JobTable } from './job.table.js';
import { statusOf } from './job.view.js';

const lookAgainMs = 3_000;
/** The last words of a training arrive beside the event that ends it. */
const lastWordsMs = 300;

/**
 * Writes the metrics of a finished job into a file. A job has succeeded when that is done: whoever sees the word can
 * fetch the file. What a stop interrupts is done after the start.
 */
@Injectable()
export class JobResults implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private dueMs = Infinity;
  private working: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly runs: RunTable,
    private readonly jobs: JobTable,
    private readonly events: JobEvents,
    private readonly eventTable: JobEventTable,
    private readonly files: Files,
    private readonly fileTable: FileTable,
    private readonly webhooks: Webhooks,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.runs.onChange(async (tx, before, run) => {
      if (run.state === before.state) return;
      // A job that is retried ends a second time, with other metrics.
      if (before.state === 'succeeded') await this.jobs.forgetResult(tx, run.id);
      if (run.state === 'succeeded') this.later(lastWordsMs);
      if (run.state === 'failed' || run.state === 'cancelled') await this.webhooks.tell(tx, run.id, run.state);
    });
  }

  onApplicationBootstrap(): void {
    this.later(lastWordsMs);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.working;
  }

  private later(ms: number): void {
    // A look that is due sooner stays: jobs that end one after the other would put it off for ever.
    if (this.stopped || ms >= this.dueMs) return;
    clearTimeout(this.timer);
    this.dueMs = ms;
    this.timer = setTimeout(() => {
      this.dueMs = Infinity;
      this.working = this.working.then(() => this.work());
    }, ms);
  }

  private async work(): Promise<void> {
    try {
      await this.events.flush();
      for (const job of await this.jobs.withoutResult()) await this.finish(job);
      this.webhooks.wake();
    } catch (error) {
      this.logger.warn({ err: error }, 'results of jobs could not be written and are tried again');
    }
    // Always: one that was told of may not have been committed yet, or have ended in another process of the gateway.
    this.later(lookAgainMs);
  }

  private async finish(job: JobRow): Promise<void> {
    const bytes = Buffer.from(toCsv(await this.eventTable.steps(job.id)));
    const file = await this.files.makeResult(job.project, 'step_metrics.csv', bytes);
    await this.dataSource.transaction(async (tx) => {
      if (!(await this.jobs.hasResult(tx, job.id, file.id))) return;
      await this.fileTable.insert(tx, file);
      const done = statusOf({ ...job, result_file: file.id }) === 'succeeded';
      const message = 'The job has successfully completed';
      if (done) await this.eventTable.tell(tx, job.id, { level: 'info', message });
      await this.webhooks.tell(tx, job.id, done ? 'succeeded' : 'failed');
    });
  }
}

function toCsv(steps: readonly StepRow[]): string {
  const isDpo = steps.some(({ reward_margin: margin }) => typeof margin === 'number');
  const lines = steps.map(({ step, train_loss: loss, learning_rate: rate, ...rewards }) => {
    const more = isDpo ? `,${rewards.reward_accuracy ?? ''},${rewards.reward_margin ?? ''}` : '';
    return `${step},${loss},${rate ?? ''}${more}`;
  });
  return [`step,train_loss,learning_rate${isDpo ? ',reward_accuracy,reward_margin' : ''}`, ...lines, ''].join('\n');
}
