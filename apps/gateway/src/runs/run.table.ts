import { Failure, type StageView } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { RunRecord } from './run.record.js';
import { runColumns, runRow, runValues, stageRow, stageValues, toRecord } from './run.row.js';

const ids = z.array(z.object({ id: z.string() }));
const columns = runColumns.join(', ');
const parameters = runColumns.map((_, index) => `$${index + 2}`).join(', ');

/** The tables `run` and `stage`. Every change of a run locks its row first, so changes of one run happen one by one. */
@Injectable()
export class RunTable {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes a new run. The first one with an id wins; only a request that was rejected makes room, since it never became
   * a run.
   *
   * @returns whether it was written
   */
  async open(tx: EntityManager, run: RunRecord): Promise<boolean> {
    const written = await tx.query<unknown>(
      `INSERT INTO run (id, ${columns}) VALUES ($1, ${parameters})
       ON CONFLICT (id) DO UPDATE
         SET (${columns}, version) = (${runColumns.map((column) => `EXCLUDED.${column}`).join(', ')}, run.version + 1)
         WHERE run.state = 'rejected' AND EXCLUDED.state <> 'rejected'
       RETURNING id`,
      [run.id, ...runValues(run)],
    );
    if (ids.parse(written).length === 0) return false;
    for (const stage of run.stages) await this.saveStage(tx, run.id, stage);
    return true;
  }

  /** Reads a run and keeps others from changing it until the transaction ends. */
  async lock(tx: EntityManager, id: string): Promise<RunRecord | undefined> {
    const [run] = await this.read(tx, 'WHERE id = $1 FOR UPDATE', [id]);
    return run;
  }

  /** Writes what has changed since `before` and raises the version. */
  async save(tx: EntityManager, before: RunRecord, run: RunRecord): Promise<void> {
    await tx.query(`UPDATE run SET (${columns}, version) = (${parameters}, version + 1) WHERE id = $1`, [
      run.id,
      ...runValues(run),
    ]);
    for (const stage of run.stages) {
      if (!before.stages.includes(stage)) await this.saveStage(tx, run.id, stage);
    }
  }

  /** Writes one stage and leaves the version: for progress, which is told on its own. */
  async saveStage(tx: EntityManager, runId: string, stage: StageView): Promise<void> {
    await tx.query(
      `INSERT INTO stage (run_id, stage, state, started_at, finished_at, progress, failure)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (run_id, stage) DO UPDATE
         SET (state, started_at, finished_at, progress, failure)
           = (EXCLUDED.state, EXCLUDED.started_at, EXCLUDED.finished_at, EXCLUDED.progress, EXCLUDED.failure)`,
      [runId, ...stageValues(stage)],
    );
  }

  async find(id: string): Promise<RunRecord | undefined> {
    const [run] = await this.read(this.dataSource.manager, 'WHERE id = $1', [id]);
    return run;
  }

  /** Newest first; with `before`, those older than the run of that id. */
  async newest(limit: number, before: string | undefined): Promise<RunRecord[]> {
    const order = 'ORDER BY created_at DESC, id DESC LIMIT $1';
    if (before === undefined) return this.read(this.dataSource.manager, order, [limit]);
    const older = 'WHERE (created_at, id) < (SELECT created_at, id FROM run WHERE id = $2)';
    return this.read(this.dataSource.manager, `${older} ${order}`, [limit, before]);
  }

  private async read(tx: EntityManager, clause: string, values: unknown[]): Promise<RunRecord[]> {
    const rows = z.array(runRow).parse(await tx.query<unknown>(`SELECT * FROM run ${clause}`, values));
    const stages = z
      .array(stageRow)
      .parse(await tx.query<unknown>('SELECT * FROM stage WHERE run_id = ANY($1)', [rows.map(({ id }) => id)]));
    return rows.map((row) =>
      toRecord(
        row,
        stages.filter(({ run_id }) => run_id === row.id),
      ),
    );
  }
}

export function runNotFound(id: string): Failure {
  return new Failure('RUN_NOT_FOUND', `There is no run with the id "${id}".`, {
    remedy: 'Check the id; GET /api/runs lists the runs.',
  });
}
