import { attemptOutcomes, type AttemptOutcome } from '@anneal/jobs';
import { Histogram, type Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { gauge } from './gauge.js';
import { inTime } from './in-time.js';

const ended = ['succeeded', 'failed', 'cancelled'] as const;
const states = ['ready', 'running', ...ended] as const;

/** From a dataset of a few rows to a training of two days. */
const attemptBuckets = [1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 48 * 3600];

const tally = z.array(
  z.object({ kind: z.string(), state: z.enum(states), count: z.coerce.number(), seconds: z.coerce.number() }),
);
type Tally = z.infer<typeof tally>[number];
const tallySql = `SELECT kind, state, count(*) AS count,
                         coalesce(sum(extract(epoch FROM finished_at - started_at)), 0) AS seconds
                    FROM job GROUP BY kind, state`;

const queues = z.array(
  z.object({
    kind: z.string(),
    waits: z.coerce.number(),
    retrying: z.coerce.number(),
    held: z.coerce.number(),
    overdue: z.coerce.number(),
  }),
);
type Queue = z.infer<typeof queues>[number];
// Rows that are not ended have an index of their own. A job of a paused run waits for nobody.
const queueSql = `SELECT kind,
                         coalesce(extract(epoch FROM now() - min(run_at) FILTER (
                           WHERE state = 'ready' AND run_at <= now() AND course IS DISTINCT FROM 'paused')), 0) AS waits,
                         count(*) FILTER (WHERE state = 'ready' AND failure IS NOT NULL) AS retrying,
                         count(*) FILTER (WHERE state = 'running' AND lease_until >= now()) AS held,
                         count(*) FILTER (WHERE state = 'running' AND lease_until < now()) AS overdue
                    FROM job LEFT JOIN run_course USING (run_id)
                   WHERE state IN ('ready', 'running') GROUP BY kind`;

/**
 * The jobs of a service. What is so now is read from the rows when somebody asks, and is the same for every process of
 * the service; how attempts ended is counted by the process that made them.
 */
export class JobMetrics {
  private readonly attempts: Histogram<'kind' | 'outcome'>;

  constructor(
    private readonly registry: Registry,
    dataSource: DataSource,
    private readonly kinds: readonly string[],
  ) {
    this.attempts = new Histogram({
      name: 'anneal_job_attempt_duration_seconds',
      help: 'Attempts that ended in this process, by outcome, and how long they took in it.',
      labelNames: ['kind', 'outcome'],
      buckets: attemptBuckets,
      registers: [registry],
    });
    // Known from the start: a counter that appears with its first increase looks as if nothing had happened.
    for (const kind of kinds) for (const outcome of attemptOutcomes) this.attempts.zero({ kind, outcome });
    const askTally = inTime(async () => tally.parse(await dataSource.query<unknown>(tallySql)));
    this.ofRows('anneal_jobs', 'Job rows by kind and state.', states, askTally, ({ count }) => count);
    const seconds = 'Seconds from first start to end of all ended jobs together.';
    this.ofRows('anneal_job_seconds', seconds, ended, askTally, (row) => row.seconds);
    const askQueues = inTime(async () => queues.parse(await dataSource.query<unknown>(queueSql)));
    const ofQueue = (name: string, help: string, valueOf: (queue: Queue) => number): void =>
      this.ofQueues(name, help, askQueues, valueOf);
    ofQueue('anneal_job_oldest_waiting_seconds', 'How long the job that is due longest has waited.', (q) => q.waits);
    ofQueue('anneal_jobs_retrying', 'Jobs that failed before and wait for another try.', (q) => q.retrying);
    ofQueue('anneal_leases_held', 'Jobs that a worker holds.', (q) => q.held);
    ofQueue('anneal_leases_overdue', 'Jobs whose worker fell silent and that nobody took over.', (q) => q.overdue);
  }

  ended(kind: string, outcome: AttemptOutcome, seconds: number): void {
    this.attempts.observe({ kind, outcome }, seconds);
  }

  private ofRows(
    name: string,
    help: string,
    given: readonly Tally['state'][],
    ask: () => Promise<Tally[] | undefined>,
    valueOf: (row: Tally) => number,
  ): void {
    gauge(this.registry, { name, help, labelNames: ['kind', 'state'] }, async () => {
      const rows = await ask();
      if (!rows) return [];
      const none = this.kinds.flatMap((kind) => given.map((state) => ({ labels: { kind, state }, value: 0 })));
      const found = rows.filter(({ state }) => given.includes(state));
      return [...none, ...found.map((row) => ({ labels: { kind: row.kind, state: row.state }, value: valueOf(row) }))];
    });
  }

  private ofQueues(
    name: string,
    help: string,
    ask: () => Promise<Queue[] | undefined>,
    valueOf: (queue: Queue) => number,
  ): void {
    gauge(this.registry, { name, help, labelNames: ['kind'] }, async () => {
      const rows = await ask();
      if (!rows) return [];
      const none = this.kinds.map((kind) => ({ labels: { kind }, value: 0 }));
      return [...none, ...rows.map((queue) => ({ labels: { kind: queue.kind }, value: valueOf(queue) }))];
    });
  }
}
