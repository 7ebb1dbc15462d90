import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Backlog, ServiceName } from '@anneal/contracts';
import type { DeadLetterTable, OutboxRelay } from '@anneal/jobs';
import type { PulsePublisher } from '@anneal/messaging';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { build } from './build.js';
import type { AskReadiness } from './readiness.js';

const everyMs = 5_000;
const backlogMs = 2_000;

const jobCounts = z.array(
  z.object({ ready: z.coerce.number(), running: z.coerce.number(), oldest: z.coerce.number().nullable() }),
);

export interface PulseSources {
  readonly service: ServiceName;
  readonly publisher: PulsePublisher;
  readonly readiness: AskReadiness;
  readonly dataSource: DataSource;
  readonly relay: OutboxRelay;
  readonly deadLetters: DeadLetterTable;
}

/** Tells every few seconds how this process is doing. */
export class Pulse implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly instance = randomUUID();
  private readonly startedAt = new Date().toISOString();
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;

  constructor(private readonly sources: PulseSources) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.beat(), everyMs);
    this.beat();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.beating;
  }

  private beat(): void {
    // One at a time: a database that hangs would gather questions.
    this.beating ??= this.tell()
      .catch(() => undefined)
      .finally(() => (this.beating = undefined));
  }

  private async tell(): Promise<void> {
    const { service, publisher, readiness } = this.sources;
    const [ready, backlog] = await Promise.all([readiness(), this.backlogInTime()]);
    const { instance, startedAt } = this;
    const at = new Date().toISOString();
    publisher.publish({
      service,
      instance,
      ...build,
      startedAt,
      at,
      readiness: ready,
      ...(backlog ? { backlog } : {}),
    });
  }

  /** A database that hangs is told of by the readiness; the pulse goes on without numbers. */
  private async backlogInTime(): Promise<Backlog | undefined> {
    const late = pause(backlogMs, undefined, { ref: false });
    return Promise.race([this.backlog().catch(() => undefined), late]);
  }

  private async backlog(): Promise<Backlog> {
    const { dataSource, relay, deadLetters } = this.sources;
    const [found, outbox, dead] = await Promise.all([
      dataSource.query<unknown>(
        `SELECT count(*) FILTER (WHERE state = 'ready') AS ready,
                count(*) FILTER (WHERE state = 'running') AS running,
                extract(epoch FROM now() - min(run_at) FILTER (WHERE state = 'ready' AND run_at <= now())) AS oldest
           FROM job WHERE state IN ('ready', 'running')`,
      ),
      relay.pending(),
      deadLetters.waiting(),
    ]);
    const [counts] = jobCounts.parse(found);
    return {
      ready: counts?.ready ?? 0,
      running: counts?.running ?? 0,
      ...(counts && counts.oldest !== null ? { oldestSeconds: counts.oldest } : {}),
      outbox,
      deadLetters: dead,
    };
  }
}
