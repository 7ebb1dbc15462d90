import { ArtifactStore } from '@anneal/artifacts';
import { annotations, labels, type Job, TrainingJobs } from '@anneal/kubernetes';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { TrainerConfig } from '../trainer.config.js';
import { RunFolder } from '../training/run.folder.js';
import { isFinished, KubernetesHost, noteName } from './kubernetes.host.js';

const sweepEveryMs = 5_000;
const rows = z.array(z.object({ id: z.string(), state: z.string(), attempt: z.int(), course: z.string().nullable() }));
type Row = z.infer<typeof rows>[number];

/** Name of the orders of a Job, with the id of the job that it is for. */
const ordersOfJob = /^anneal-([0-9a-f-]{36})-a\d+-[0-9a-f-]{36}$/;

/** Jobs of the cluster that nobody knows of any more, found by their labels, and orders that are for no Job: removed. */
@Injectable()
export class JobOrphans implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly jobs: TrainingJobs,
    private readonly host: KubernetesHost,
    private readonly store: ArtifactStore,
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
    await this.sweepJobs(await this.jobs.list());
    await this.sweepOrders();
  }

  private async sweepJobs(found: readonly Job[]): Promise<void> {
    if (found.length === 0) return;
    const known = new Map((await this.rowsOf(found.map(jobIdOf))).map((row) => [row.id, row]));
    const newest = new Set<string>();
    // The newest of each job comes first.
    for (const job of found) {
      const id = jobIdOf(job);
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

  /** A trainer that slept while its Job was removed writes its orders once more. */
  private async sweepOrders(): Promise<void> {
    const unwanted = new Map<string, string>();
    for (const name of await this.store.listNotes()) {
      const id = ordersOfJob.exec(name)?.[1];
      if (id !== undefined) unwanted.set(name, id);
    }
    if (unwanted.size === 0) return;
    // Looked for after their orders, which are written after them.
    for (const { metadata } of await this.jobs.list()) {
      unwanted.delete(noteName(metadata.name, metadata.annotations[annotations.start] ?? ''));
    }
    // Another installation may keep its orders in the same store.
    const own = new Set((await this.rowsOf([...unwanted.values()])).map(({ id }) => id));
    for (const [name, id] of unwanted) if (own.has(id)) await this.store.removeNote(name);
  }

  /** A training that was left running when its service stopped, and whose run was paused since. */
  private async stop(job: Job): Promise<void> {
    const folder = new RunFolder(this.config.WORK_DIR, job.metadata.annotations[annotations.run] ?? '');
    const training = this.host.adopt(job, folder);
    await training.askToStop();
    training.close();
  }

  private async rowsOf(ids: readonly string[]): Promise<Row[]> {
    const answer = await this.dataSource.query<unknown>(
      `SELECT id::text, state, attempt, (SELECT course FROM run_course WHERE run_course.run_id = job.run_id) AS course
         FROM job WHERE id::text = ANY($1) AND kind = 'train'`,
      [ids],
    );
    return rows.parse(answer);
  }
}

function jobIdOf({ metadata }: Job): string {
  return metadata.labels[labels.job] ?? '';
}

function whyOrphan(row: Row | undefined, { metadata }: Job): string | undefined {
  if (row === undefined) return 'of a job that does not exist';
  if (row.state !== 'running' && row.state !== 'ready') return `of a job that is ${row.state}`;
  return Number(metadata.labels[labels.attempt] ?? 0) > row.attempt && row.state === 'running'
    ? 'of an attempt that was begun anew'
    : undefined;
}
