import { Failure, type RunState, type StageView } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { bigint } from '../database/columns.js';
import type { RunRecord } from './run.record.js';
import { runColumns, runRow, runValues, stageColumns, stageRow, toRecord } from './run.row.js';

const atOnce = 500;
const ids = z.array(z.object({ id: z.string() }));
const columns = runColumns.join(', ');
const parameters = runColumns.map((_, index) => `$${index + 2}`).join(', ');

export interface RunFilter {
  readonly limit: number;
  /** Only those that are older than the run of this id. */
  readonly before?: string | undefined;
  readonly state?: RunState | undefined;
  readonly name?: string | undefined;
}

export type RunChangeListener = (tx: EntityManager, before: RunRecord, run: RunRecord) => Promise<void>;

/** The tables `run` and `stage`. Every change of a run locks its row first, so changes of one run happen one by one. */
@Injectable()
export class RunTable {
  private readonly listeners: RunChangeListener[] = [];

  constructor(private readonly dataSource: DataSource) {}

  /** Calls back in the transaction of every change of a run, for what has to be true together with it. */
  onChange(listener: RunChangeListener): void {
    this.listeners.push(listener);
  }

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
         SET (${columns}, version, change)
           = (${runColumns.map((column) => `EXCLUDED.${column}`).join(', ')}, run.version + 1, EXCLUDED.change)
         WHERE run.state = 'rejected' AND EXCLUDED.state <> 'rejected'
       RETURNING id`,
      [run.id, ...runValues(run)],
    );
    if (ids.parse(written).length === 0) return false;
    if (run.stages.length > 0) await this.saveStages(tx, run.id, run.stages);
    return true;
  }

  /** Reads a run and keeps others from changing it until the transaction ends. */
  async lock(tx: EntityManager, id: string): Promise<RunRecord | undefined> {
    const [run] = await this.read(tx, 'WHERE id = $1 FOR UPDATE', [id]);
    return run;
  }

  /** Writes what has changed since `before` and raises the version. */
  async save(tx: EntityManager, before: RunRecord, run: RunRecord): Promise<void> {
    await tx.query(
      `UPDATE run SET (${columns}, version, change) = (${parameters}, version + 1, nextval('run_change')) WHERE id = $1`,
      [run.id, ...runValues(run)],
    );
    const changed = run.stages.filter((stage) => !before.stages.includes(stage));
    if (changed.length > 0) await this.saveStages(tx, run.id, changed);
    for (const listener of this.listeners) await listener(tx, before, run);
  }

  /** Writes stages and leaves the version: for progress, which is told on its own. */
  async saveStages(tx: EntityManager, runId: string, stages: readonly StageView[]): Promise<void> {
    await tx.query(
      `INSERT INTO stage (run_id, stage, state, started_at, finished_at, progress, failure, attempts, artifacts)
       SELECT $1, stage, state, started_at, finished_at, progress, failure, attempts, artifacts
         FROM jsonb_to_recordset($2::jsonb)
              AS new (stage text, state text, started_at timestamptz, finished_at timestamptz, progress jsonb,
                      failure jsonb, attempts jsonb, artifacts jsonb)
       ON CONFLICT (run_id, stage) DO UPDATE
         SET (state, started_at, finished_at, progress, failure, attempts, artifacts)
           = (EXCLUDED.state, EXCLUDED.started_at, EXCLUDED.finished_at, EXCLUDED.progress, EXCLUDED.failure,
              EXCLUDED.attempts, EXCLUDED.artifacts)`,
      [runId, JSON.stringify(stages.map(stageColumns))],
    );
  }

  async find(id: string): Promise<RunRecord | undefined> {
    const [run] = await this.read(this.dataSource.manager, 'WHERE id = $1', [id]);
    return run;
  }

  /** Those that changed after a place, of one project or of all, in the order of their last changes. */
  async *changedSince(change: number, project?: string): AsyncIterable<RunRecord> {
    const clause = `WHERE change > $1 AND ($2::text IS NULL OR project = $2) ORDER BY change LIMIT ${atOnce}`;
    for (let after = change, more = true; more;) {
      const runs = await this.read(this.dataSource.manager, clause, [after, project ?? null]);
      yield* runs;
      after = runs.at(-1)?.change ?? after;
      more = runs.length === atOnce;
    }
  }

  /** The place of the last change of all. */
  async lastChange(): Promise<number> {
    const found: unknown = await this.dataSource.query('SELECT coalesce(max(change), 0) AS change FROM run');
    return z.array(z.object({ change: bigint })).parse(found)[0]?.change ?? 0;
  }

  /** Those of a project, newest first. */
  async newest(project: string, { limit, before, state, name }: RunFilter): Promise<RunRecord[]> {
    const clauses = ['project = $1'];
    const values: unknown[] = [project, limit];
    const and = (clause: (parameter: string) => string, value: string | undefined): void => {
      if (value !== undefined) clauses.push(clause(`$${values.push(value)}`));
    };
    and((parameter) => `state = ${parameter}`, state);
    and((parameter) => `name = ${parameter}`, name);
    and((parameter) => `(created_at, id) < (SELECT created_at, id FROM run WHERE id = ${parameter})`, before);
    const clause = `WHERE ${clauses.join(' AND ')} ORDER BY created_at DESC, id DESC LIMIT $2`;
    return this.read(this.dataSource.manager, clause, values);
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
