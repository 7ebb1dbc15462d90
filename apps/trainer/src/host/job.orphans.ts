import { annotations, labels, type Job, TrainingJobs } from '@anneal/kubernetes';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { TrainerConfig } from '../trainer.config.js';
import { RunFolder } from '../training/run.folder.js';
import { isFinished, KubernetesHost } from './kubernetes.host.js';

const sweepEveryMs = 5_000;
const rows = z.array(z.object({ id: z.string(), state: z.string(), attempt: z.int(), course: z.string().nullable() }));
type Row = z.infer<typeof rows>[number];

/** Jobs of the cluster that nobody knows of any more: found by their labels and removed. */
@Injectable()
export class JobOrphans implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly jobs: TrainingJobs,
    private readonly host: KubernetesHost,
    private readonly dataSource: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.sweepSoon();
    this.timer = setInterval(() => this.sweepSoon(), sweepEveryMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  private sweepSoon(): void {
    this.sweeping ??= this.sweep()
      .catch((error: unknown) => this.log.warn({ err: error }, 'the cluster could not be searched for old trainings'))
      .finally(() => (this.sweeping = undefined));
  }

  private async sweep(): Promise<void> {
    const found = await this.jobs.list();
    if (found.length === 0) return;
    const known = new Map((await this.rowsOf(found)).map((row) => [row.id, row]));
    const newest = new Set<string>();
    // The newest of each job comes first.
    for (const job of found) {
      const id = job.metadata.labels[labels.job] ?? '';
      const row = known.get(id);
      const why = newest.has(id) ? 'of an attempt that is no longer' : whyOrphan(row, job);
      newest.add(id);
      const { name } = job.metadata;
      if (job.metadata.deletionTimestamp !== undefined) continue;
      if (why !== undefined) {
        this.log.info({ job: name, why }, 'a training of the cluster that nobody knows is removed');
        await this.host.remove(job);
      } else if (row?.state === 'ready' && row.course === 'paused' && !isFinished(job)) {
        await this.stop(job);
      }
    }
  }

  /** A training that was left running when its service stopped, and whose run was paused since. */
  private async stop(job: Job): Promise<void> {
    const folder = new RunFolder(this.config.WORK_DIR, job.metadata.annotations[annotations.run] ?? '');
    const training = this.host.adopt(job, folder);
    await training.askToStop();
    training.close();
  }

  private async rowsOf(found: readonly Job[]): Promise<Row[]> {
    const ids = found.map(({ metadata }) => metadata.labels[labels.job] ?? '');
    const answer = await this.dataSource.query<unknown>(
      `SELECT id::text, state, attempt, (SELECT course FROM run_course WHERE run_course.run_id = job.run_id) AS course
         FROM job WHERE id::text = ANY($1) AND kind = 'train'`,
      [ids],
    );
    return rows.parse(answer);
  }
}

function whyOrphan(row: Row | undefined, { metadata }: Job): string | undefined {
  if (row === undefined) return 'of a job that does not exist';
  if (row.state !== 'running' && row.state !== 'ready') return `of a job that is ${row.state}`;
  return Number(metadata.labels[labels.attempt] ?? 0) > row.attempt && row.state === 'running'
    ? 'of an attempt that was begun anew'
    : undefined;
}
