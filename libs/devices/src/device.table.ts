import { schedule } from '@anneal/compute';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import type { DeviceKind } from './host.devices.js';
import { readState } from './request.rows.js';

export interface DeviceRequest {
  readonly jobId: string;
  readonly runId: string;
  /** The service that asks, and the host on which it runs. */
  readonly service: string;
  readonly home: string;
  readonly device: DeviceKind;
  /** Of the CPU there is one. */
  readonly wanted: number;
  /** What each GPU of another host has to have for the job to run there, MiB. */
  readonly memoryMiB: number | undefined;
  /** Whether a service of the same kind on another host may do the job instead. */
  readonly movable: boolean;
  readonly priority: number;
  readonly project: string;
  /** How long it will hold what it gets, at most. */
  readonly mostSeconds: number | undefined;
}

/** Where a job stands: it has its devices on a host, or it waits for them. */
export type Standing =
  | { readonly host: string; readonly indices: readonly number[] }
  | { readonly position: number; readonly startsAt: Date | undefined };

/** A service that is silent for so long attends to its jobs no more. */
const attendedSeconds = 20;
/** Within this time a service of the other host has to take a job that got devices there. */
const handoverSeconds = 60;
const forgottenAfter = '1 day';

const held = z.array(z.object({ jobId: z.string(), indices: z.array(z.int()) }));

/**
 * The tables `request`, one row for each job that waits for devices or has them, and `turn`, when a project last had its
 * turn. A row belongs to the job and not to the service: what outlives its service keeps its devices.
 */
export class DeviceTable {
  constructor(private readonly dataSource: DataSource) {}

  /** Asks for devices, or says again that they are wanted: the place in the queue stays, and so do devices of this host. */
  async ask(tx: EntityManager, request: DeviceRequest): Promise<void> {
    const { jobId, runId, service, home, device, wanted, memoryMiB, movable, priority, project, mostSeconds } = request;
    const unlessMoved = (column: string): string =>
      `CASE WHEN (mine.host, mine.device, mine.wanted) = (EXCLUDED.home, EXCLUDED.device, EXCLUDED.wanted) THEN mine.${column} END`;
    await tx.query(
      `INSERT INTO devices.request AS mine
         (job_id, run_id, service, home, device, wanted, memory_mib, movable, priority, project, most_seconds, attended_until)
       VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(secs => $12))
       ON CONFLICT (job_id) DO UPDATE
          SET home = EXCLUDED.home, device = EXCLUDED.device, wanted = EXCLUDED.wanted,
              memory_mib = EXCLUDED.memory_mib, movable = EXCLUDED.movable, priority = EXCLUDED.priority,
              project = EXCLUDED.project, attended_until = EXCLUDED.attended_until,
              most_seconds = CASE WHEN mine.indices IS NULL THEN EXCLUDED.most_seconds ELSE mine.most_seconds END,
              host = ${unlessMoved('host')}, indices = ${unlessMoved('indices')},
              started_at = ${unlessMoved('started_at')}, expected_end = ${unlessMoved('expected_end')}`,
      [
        ...[jobId, runId, service, home, device, wanted, memoryMiB ?? null, movable, priority, project],
        ...[mostSeconds ?? null, attendedSeconds],
      ],
    );
  }

  /** Says that somebody still cares for these jobs. */
  async attend(jobIds: readonly string[]): Promise<void> {
    await this.dataSource.query(
      'UPDATE devices.request SET attended_until = now() + make_interval(secs => $2) WHERE job_id = ANY ($1::uuid[])',
      [jobIds, attendedSeconds],
    );
  }

  /** Says that nobody does for now; what a job has stays its own. */
  async neglect(jobId: string): Promise<void> {
    await this.dataSource.query('UPDATE devices.request SET attended_until = now() WHERE job_id = $1', [jobId]);
  }

  /** Those that have devices of this host though nobody attends to them: their processes may live on all the same. */
  async unattended(host: string, device: DeviceKind): Promise<{ jobId: string; indices: number[] }[]> {
    const found = await this.dataSource.query<unknown>(
      `SELECT job_id AS "jobId", indices FROM devices.request
        WHERE host = $1 AND home = $1 AND device = $2 AND attended_until < now()`,
      [host, device],
    );
    return held.parse(found);
  }

  /**
   * Gives devices to those that can start now, on whatever host. One decision at a time for each kind of device, so that
   * all services agree.
   *
   * @param last indices by host that are given out last
   * @param gone jobs that have devices and whose processes have ended, though nobody was there to see it
   * @returns where each job stands
   */
  decide(
    device: DeviceKind,
    { last, gone }: { last: ReadonlyMap<string, readonly number[]>; gone: readonly string[] },
  ): Promise<Map<string, Standing>> {
    return this.dataSource.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('anneal:devices:' || $1::text, 0))`, [device]);
      await this.removeOver(tx, device, gone);
      const state = await readState(tx, device);
      const hosts = state.hosts.map(({ name, gpus }) => {
        const late = last.get(name) ?? [];
        return { name, gpus: [...gpus.filter((index) => !late.includes(index)), ...late] };
      });
      const { starts, queue } = schedule({ ...state, hosts });
      for (const start of starts) await this.start(tx, start);
      const inTurn = new Set(starts.filter((start) => start.inTurn).map(({ id }) => id));
      const projects = new Set(state.waiting.filter(({ id }) => inTurn.has(id)).map(({ project }) => project));
      for (const project of projects) await this.noteTurn(tx, device, project);
      for (const { id, position, reservedOn } of queue) {
        if (reservedOn !== undefined) await this.reserve(tx, id, reservedOn, position === 1);
      }
      return new Map<string, Standing>([
        ...[...state.holding, ...starts].map(({ id, host, indices }) => [id, { host, indices }] as const),
        ...queue.map(
          ({ id, position, startsAt }) =>
            [id, { position, startsAt: startsAt === undefined ? undefined : new Date(startsAt) }] as const,
        ),
      ]);
    });
  }

  /** Notes when a job that has devices will probably give them back. */
  async expectEnd(jobId: string, seconds: number): Promise<void> {
    await this.dataSource.query(
      'UPDATE devices.request SET expected_end = now() + make_interval(secs => $2::float8) WHERE job_id = $1',
      [jobId, seconds],
    );
  }

  async remove(jobId: string): Promise<void> {
    await this.dataSource.query('DELETE FROM devices.request WHERE job_id = $1', [jobId]);
  }

  private async removeOver(tx: EntityManager, device: DeviceKind, gone: readonly string[]): Promise<void> {
    // Somebody may have taken the job since its processes were looked at.
    await tx.query('DELETE FROM devices.request WHERE job_id = ANY ($1::uuid[]) AND attended_until < now()', [gone]);
    // Nobody on the other host has taken it, so nothing runs there.
    await tx.query(
      `UPDATE devices.request SET host = NULL, indices = NULL, started_at = NULL
        WHERE device = $1 AND host <> home AND attended_until < now()`,
      [device],
    );
    await tx.query(
      `DELETE FROM devices.request AS old
        WHERE device = $1 AND attended_until < now() - interval '${forgottenAfter}'
          AND (indices IS NULL OR NOT EXISTS (
            SELECT FROM devices.host WHERE name = old.host AND seen_at > now() - interval '${forgottenAfter}'))`,
      [device],
    );
  }

  private async start(
    tx: EntityManager,
    { id, host, indices }: { id: string; host: string; indices: readonly number[] },
  ): Promise<void> {
    await tx.query(
      `UPDATE devices.request
          SET host = $2, indices = $3::int[], started_at = now(), expected_end = NULL,
              attended_until = CASE WHEN home = $2 THEN attended_until ELSE now() + make_interval(secs => $4) END
        WHERE job_id = $1`,
      [id, host, indices, handoverSeconds],
    );
  }

  private async noteTurn(tx: EntityManager, device: DeviceKind, project: string): Promise<void> {
    await tx.query(
      `INSERT INTO devices.turn (device, project, served_at) VALUES ($1, $2, now())
       ON CONFLICT (device, project) DO UPDATE SET served_at = EXCLUDED.served_at`,
      [device, project],
    );
  }

  private async reserve(tx: EntityManager, jobId: string, host: string, isFirst: boolean): Promise<void> {
    await tx.query(
      `UPDATE devices.request
          SET reserved_on = $2, reserved_at = CASE WHEN $3 THEN coalesce(reserved_at, now()) ELSE reserved_at END
        WHERE job_id = $1 AND (reserved_on IS DISTINCT FROM $2 OR ($3 AND reserved_at IS NULL))`,
      [jobId, host, isFirst],
    );
  }
}
