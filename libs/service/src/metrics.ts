import type { DeadLetterTable, OutboxRelay } from '@anneal/jobs';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { gauge, known, type GaugeForm, type Reading } from './metrics/gauge.js';
import { measureDisk, measureReadiness, tellBuild } from './metrics/health.metrics.js';
import { inTime } from './metrics/in-time.js';
import { JobMetrics } from './metrics/job.metrics.js';
import { measureRequests, type HttpServer } from './metrics/request.metrics.js';
import { StageMetrics } from './metrics/stage.metrics.js';
import type { AskReadiness } from './readiness.js';

interface Measured {
  readonly dataSource: DataSource;
  readonly relay: OutboxRelay;
  readonly deadLetters: DeadLetterTable;
  /** What its jobs are called; none of a service that is no stage. */
  readonly kinds: readonly string[];
  /** Where it works, if it handles files. */
  readonly workDir: string | undefined;
}

/**
 * The numbers of one service, in Prometheus' form; docs/metrics.md says what each one means. No label is a run's, a
 * project's or a caller's: the number of series has a bound.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly setAside: Counter<'cause'>;
  readonly jobs: JobMetrics;
  readonly stage: StageMetrics | undefined;

  constructor(service: string, { dataSource, relay, deadLetters, kinds, workDir }: Measured) {
    const { registry } = this;
    registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: registry });
    tellBuild(registry);
    this.setAside = new Counter({
      name: 'anneal_events_set_aside_total',
      help: 'Events that this process gave up, by cause: unreadable, failing, crashing.',
      labelNames: ['cause'],
      registers: [registry],
    });
    for (const cause of ['unreadable', 'failing', 'crashing']) this.setAside.inc({ cause }, 0);
    this.jobs = new JobMetrics(registry, dataSource, kinds);
    this.stage = kinds.length > 0 ? new StageMetrics(registry, { trains: service === 'trainer' }) : undefined;
    this.measure('anneal_outbox_pending', 'Events that are written and not yet published.', () => relay.pending());
    this.measure('anneal_outbox_lag_seconds', 'How long the next event to publish has been written.', () =>
      relay.lagSeconds(),
    );
    this.measure('anneal_dead_letters', 'Events that were set aside and not replayed.', () => deadLetters.waiting());
    if (workDir !== undefined) measureDisk(registry, workDir);
  }

  ofReadiness(readiness: AskReadiness): void {
    measureReadiness(this.registry, readiness);
  }

  ofRequests(server: HttpServer): void {
    measureRequests(this.registry, server);
  }

  /** A number that this service alone has, read when somebody asks. */
  ofOwn(form: GaugeForm, read: () => Promise<readonly Reading[]>): void {
    gauge(this.registry, form, read);
  }

  private measure(name: string, help: string, count: () => Promise<number>): void {
    const ask = inTime(count);
    gauge(this.registry, { name, help }, async () => known(await ask()));
  }
}
