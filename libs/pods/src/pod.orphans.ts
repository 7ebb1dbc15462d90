import { annotations, labels, type Job } from '@anneal/kubernetes';
import type { Logger } from '@anneal/service';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { isFinished, type Pods } from './pods.js';

const sweepEveryMs = 5_000;
const rows = z.array(z.object({ id: z.string(), state: z.string(), attempt: z.int(), course: z.string().nullable() }));
type Row = z.infer<typeof rows>[number];

interface OrphanOptions {
  readonly pods: Pods;
  readonly dataSource: DataSource;
  readonly log: Logger;
  /** Kinds of the jobs whose work runs in these pods. */
  readonly kinds: readonly string[];
  /** What is done with a pod that was left running when its service stopped, and whose run was paused since. */
  readonly onPaused: (job: Job) => Promise<void>;
}

/** Jobs of the cluster that nobody knows of any more, found by their labels, and orders that are for no Job: removed. */
export class PodOrphans implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;

  constructor(private readonly options: OrphanOptions) {}

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
      .catch((error: unknown) =>
        this.options.log.warn({ err: error }, 'the cluster could not be searched for old Jobs'),
      )
      .finally(() => (this.sweeping = undefined));
  }

  private async sweep(): Promise<void> {
    const { pods } = this.options;
    await this.sweepJobs(await pods.jobs.list());
    await pods.removeOrdersWithoutJob(async (ids) => (await this.rowsOf(ids)).map(({ id }) => id));
  }

  private async sweepJobs(found: readonly Job[]): Promise<void> {
    const { pods, log, onPaused } = this.options;
    if (found.length === 0) return;
    const known = new Map((await this.rowsOf(found.map(jobIdOf))).map((row) => [row.id, row]));
    const newest = new Set<string>();
    // The newest of each job comes first.
    for (const job of found) {
      const { name, annotations: told, deletionTimestamp } = job.metadata;
      const id = jobIdOf(job);
      const row = known.get(id);
      const place = `${id} ${told[annotations.part] ?? ''}`;
      const why = newest.has(place) ? 'of an attempt that is no longer' : whyOrphan(row, job);
      newest.add(place);
      if (deletionTimestamp !== undefined) continue;
      if (why !== undefined) {
        log.info({ job: name, why }, 'a Job of the cluster that nobody knows is removed');
        await pods.end(job);
      } else if (row?.state === 'ready' && row.course === 'paused' && !isFinished(job)) {
        await onPaused(job);
      }
    }
  }

  private async rowsOf(ids: readonly string[]): Promise<Row[]> {
    const answer = await this.options.dataSource.query<unknown>(
      `SELECT id::text, state, attempt, (SELECT course FROM run_course WHERE run_course.run_id = job.run_id) AS course
         FROM job WHERE id::text = ANY($1) AND kind = ANY($2)`,
      [ids, this.options.kinds],
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
