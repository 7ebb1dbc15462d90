import type { OutboxRelay } from '@anneal/jobs';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { z } from 'zod';

const jobCounts = z.array(z.object({ kind: z.string(), state: z.string(), count: z.coerce.number() }));

/** The numbers of one service, in Prometheus' form. Queue lengths are read from the database when somebody asks. */
export class Metrics {
  readonly registry = new Registry();
  readonly undecodable: Counter;

  constructor(service: string, dataSource: DataSource, relay: OutboxRelay) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
    this.undecodable = new Counter({
      name: 'anneal_undecodable_events_total',
      help: 'Events that could not be read.',
      registers: [this.registry],
    });
    const jobs = new Gauge({
      name: 'anneal_jobs',
      help: 'Job rows by kind and state.',
      labelNames: ['kind', 'state'],
      registers: [this.registry],
      collect: async () => {
        jobs.reset();
        const rows = await ifAnswered(
          dataSource.query<unknown>('SELECT kind, state, count(*) AS count FROM job GROUP BY kind, state'),
        );
        for (const { kind, state, count } of jobCounts.parse(rows ?? [])) jobs.set({ kind, state }, count);
      },
    });
    const outbox: Gauge = new Gauge({
      name: 'anneal_outbox_pending',
      help: 'Events that are written and not yet published.',
      registers: [this.registry],
      collect: async () => {
        outbox.reset();
        outbox.set((await ifAnswered(relay.pending())) ?? Number.NaN);
      },
    });
  }
}

/** The other numbers are wanted most when the database is away. */
async function ifAnswered<T>(question: Promise<T>): Promise<T | undefined> {
  return question.catch(() => undefined);
}
