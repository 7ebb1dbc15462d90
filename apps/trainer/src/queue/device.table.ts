import { schedule, type HoldingJob, type WaitingJob } from '@anneal/compute';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { DevicePool } from './host.devices.js';

export interface DeviceRequest {
  readonly jobId: string;
  readonly runId: string;
  readonly wanted: number;
  readonly priority: number;
  readonly project: string;
  /** How long it will hold what it gets, at most. */
  readonly mostSeconds: number | undefined;
}

/** Where a job stands: it has its devices, or it waits for them. */
export type Standing =
  { readonly indices: readonly number[] } | { readonly position: number; readonly startsAt: Date | undefined };

interface Rows {
  readonly holding: readonly HoldingJob[];
  readonly waiting: readonly WaitingJob[];
}

const milliseconds = z.number().nullable();
const requestRow = z.object({
  job_id: z.string(),
  project: z.string(),
  wanted: z.int(),
  priority: z.int(),
  indices: z.array(z.int()).nullable(),
  attended: z.boolean(),
  most: milliseconds,
  asked: z.number(),
  reserved: milliseconds,
  started: milliseconds,
  expected: milliseconds,
});
const holder = z.object({ jobId: z.string(), runId: z.string() });
const turns = z.array(z.object({ project: z.string(), served: z.number() }));
const clock = z.tuple([z.object({ now: z.number() })]);

const epoch = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
/** Whether a worker has the job. */
const isAttended = `(job.state IS NOT NULL AND job.state = 'running' AND job.lease_until > now())`;

/**
 * The tables `device_request`, one row for each training that waits for devices or has them, and `device_turn`, when a
 * project last had its turn. A row belongs to the job and not to the service: a training that outlives its service keeps
 * its devices.
 */
@Injectable()
export class DeviceTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Asks for devices, or says again that they are wanted: the place in the queue stays, and so do devices of this host. */
  async ask(tx: EntityManager, { host, device }: DevicePool, request: DeviceRequest): Promise<void> {
    const { jobId, runId, wanted, priority, project, mostSeconds } = request;
    const unlessMoved = (column: string): string =>
      `CASE WHEN (mine.host, mine.device, mine.wanted) = (EXCLUDED.host, EXCLUDED.device, EXCLUDED.wanted) THEN mine.${column} END`;
    await tx.query(
      `INSERT INTO device_request AS mine (job_id, run_id, host, device, wanted, priority, project, most_seconds)
       VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (job_id) DO UPDATE
          SET host = EXCLUDED.host, device = EXCLUDED.device, wanted = EXCLUDED.wanted, priority = EXCLUDED.priority,
              most_seconds = CASE WHEN mine.indices IS NULL THEN EXCLUDED.most_seconds ELSE mine.most_seconds END,
              indices = ${unlessMoved('indices')}, started_at = ${unlessMoved('started_at')},
              reserved_at = ${unlessMoved('reserved_at')}`,
      [jobId, runId, host, device, wanted, priority, project, mostSeconds ?? null],
    );
  }

  /** Those that have devices here though no worker has their job: the training may live on all the same. */
  async unattended({ host, device }: DevicePool): Promise<{ jobId: string; runId: string }[]> {
    const found = await this.dataSource.query<unknown>(
      `SELECT job_id AS "jobId", device_request.run_id AS "runId"
         FROM device_request LEFT JOIN job ON job.id = job_id
        WHERE host = $1 AND device = $2 AND indices IS NOT NULL AND NOT ${isAttended}`,
      [host, device],
    );
    return z.array(holder).parse(found);
  }

  /**
   * Gives devices to those that can start now. One decision at a time for each pool, so that all trainers of a host agree.
   *
   * @param gone jobs that have devices and whose training has ended, though no worker was there to see it
   * @returns where each job of the pool stands
   */
  decide(pool: DevicePool, gone: readonly string[]): Promise<Map<string, Standing>> {
    return this.dataSource.transaction(async (tx) => {
      const { host, device, indices } = pool;
      const key = `current_schema() || ':devices:' || $1::text || ':' || $2::text`;
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended(${key}, 0))`, [host, device]);
      await this.removeOver(tx, host, gone);
      const [{ now }] = clock.parse(await tx.query(`SELECT ${epoch('now()')} AS now`));
      const { holding, waiting } = await this.read(tx, pool);
      const servedAt = await this.turns(tx, pool);
      const { starts, queue } = schedule({ gpus: indices, holding, waiting, servedAt, now });
      for (const start of starts) await this.start(tx, start);
      const inTurn = new Set(starts.filter((start) => start.inTurn).map(({ id }) => id));
      const projects = new Set(waiting.filter(({ id }) => inTurn.has(id)).map(({ project }) => project));
      for (const project of projects) await this.noteTurn(tx, pool, project);
      await this.reserve(tx, queue[0]?.id);
      return new Map<string, Standing>([
        ...[...holding, ...starts].map((one) => [one.id, { indices: one.indices }] as const),
        ...queue.map(
          ({ id, position, startsAt }) =>
            [id, { position, startsAt: startsAt === undefined ? undefined : new Date(startsAt) }] as const,
        ),
      ]);
    });
  }

  /** Notes when a training that has devices will probably end. */
  async expectEnd(jobId: string, seconds: number): Promise<void> {
    await this.dataSource.query(
      'UPDATE device_request SET expected_end = now() + make_interval(secs => $2::float8) WHERE job_id = $1',
      [jobId, seconds],
    );
  }

  async remove(jobId: string): Promise<void> {
    await this.dataSource.query('DELETE FROM device_request WHERE job_id = $1', [jobId]);
  }

  private async removeOver(tx: EntityManager, host: string, gone: readonly string[]): Promise<void> {
    // A worker may have taken the job since its training was looked at.
    await tx.query(
      `DELETE FROM device_request
        WHERE job_id = ANY ($1::uuid[]) AND NOT EXISTS (SELECT FROM job WHERE job.id = job_id AND ${isAttended})`,
      [gone],
    );
    await tx.query(
      `DELETE FROM device_request
        WHERE (indices IS NULL OR host <> $1)
          AND NOT EXISTS (SELECT FROM job WHERE job.id = job_id AND state IN ('ready', 'running'))`,
      [host],
    );
  }

  private async read(tx: EntityManager, { host, device }: DevicePool): Promise<Rows> {
    const rows = await tx.query<unknown>(
      `SELECT job_id, device_request.project, wanted, device_request.priority, indices, ${isAttended} AS attended,
              most_seconds * 1000 AS most, ${epoch('asked_at')} AS asked, ${epoch('reserved_at')} AS reserved,
              ${epoch('device_request.started_at')} AS started, ${epoch('expected_end')} AS expected
         FROM device_request LEFT JOIN job ON job.id = job_id
        WHERE host = $1 AND device = $2`,
      [host, device],
    );
    const holding: HoldingJob[] = [];
    const waiting: WaitingJob[] = [];
    for (const row of z.array(requestRow).parse(rows)) {
      const { job_id: id, project, indices, started } = row;
      const most = row.most ?? undefined;
      if (indices !== null && started !== null) {
        const endsAt = most === undefined ? undefined : started + most;
        holding.push({ id, project, indices, endsAt, expectedEnd: row.expected ?? undefined });
      } else if (row.attended) {
        const { wanted: gpus, priority, asked: since } = row;
        waiting.push({ id, project, gpus, priority, since, reservedSince: row.reserved ?? undefined, mostMs: most });
      }
    }
    return { holding, waiting };
  }

  private async turns(tx: EntityManager, { host, device }: DevicePool): Promise<Map<string, number>> {
    const found = await tx.query<unknown>(
      `SELECT project, ${epoch('served_at')} AS served FROM device_turn WHERE host = $1 AND device = $2`,
      [host, device],
    );
    return new Map(turns.parse(found).map(({ project, served }) => [project, served]));
  }

  private async start(tx: EntityManager, { id, indices }: { id: string; indices: readonly number[] }): Promise<void> {
    await tx.query('UPDATE device_request SET indices = $2::int[], started_at = now() WHERE job_id = $1', [
      id,
      indices,
    ]);
  }

  private async noteTurn(tx: EntityManager, { host, device }: DevicePool, project: string): Promise<void> {
    await tx.query(
      `INSERT INTO device_turn (host, device, project, served_at) VALUES ($1, $2, $3, now())
       ON CONFLICT (host, device, project) DO UPDATE SET served_at = EXCLUDED.served_at`,
      [host, device, project],
    );
  }

  private async reserve(tx: EntityManager, jobId: string | undefined): Promise<void> {
    if (jobId === undefined) return;
    await tx.query('UPDATE device_request SET reserved_at = now() WHERE job_id = $1 AND reserved_at IS NULL', [jobId]);
  }
}
