import type { DeadLetterTable, OutboxRelay } from '@anneal/jobs';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { z } from 'zod';

const jobCounts = z.array(z.object({ kind: z.string(), state: z.string(), count: z.coerce.number() }));

interface Measured {
  readonly dataSource: DataSource;
  readonly relay: OutboxRelay;
  readonly deadLetters: DeadLetterTable;
}

/** The numbers of one service, in Prometheus' form. Queue lengths are read from the database when somebody asks. */
export class Metrics {
  readonly registry = new Registry();
  readonly setAside: Counter<'cause'>;

  constructor(service: string, { dataSource, relay, deadLetters }: Measured) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
    this.setAside = new Counter({
      name: 'anneal_events_set_aside_total',
      help: 'Events that this process gave up, by cause: unreadable, failing, crashing.',
      labelNames: ['cause'],
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
    this.measure('anneal_outbox_pending', 'Events that are written and not yet published.', () => relay.pending());
    this.measure('anneal_dead_letters', 'Events that were set aside and not replayed.', () => deadLetters.waiting());
  }

  private measure(name: string, help: string, count: () => Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async () => {
        gauge.reset();
        gauge.set((await ifAnswered(count())) ?? Number.NaN);
      },
    });
  }
}

/** The other numbers are wanted most when the database is away. */
async function ifAnswered<T>(question: Promise<T>): Promise<T | undefined> {
  return question.catch(() => undefined);
}
