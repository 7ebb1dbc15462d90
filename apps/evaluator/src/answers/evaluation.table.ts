import { ModelMerged, type EventData } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { Subject } from './answer.table.js';

export type Merged = EventData<typeof ModelMerged>;

/** How one of the two models was measured; it stands in the report. */
const settings = z.record(z.string(), z.unknown());
export type MeasurementSettings = z.infer<typeof settings>;

const bothRows = z.array(
  z.object({
    complete: z.boolean(),
    merged: ModelMerged.data.nullable(),
    mergedEvent: z.string().nullable(),
    turn: z.int(),
  }),
);
const settingsRows = z.array(z.object({ base: settings.nullable(), tuned: settings.nullable() }));

/** What is ready to be judged: the words of the merger, and the event that carried them. */
export interface ReadyToJudge {
  readonly merged: Merged;
  readonly causationId: string | undefined;
  /** The latest retry that either measurement belongs to. */
  readonly turn: number;
}

/** How far the evaluation of each run is. */
@Injectable()
export class EvaluationTable {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Notes that one of the two models is measured. The row stays locked until the transaction ends: of two measurements
   * that end at the same time, the second one sees the first.
   *
   * @returns what to judge when both are measured now
   */
  async markMeasured(
    tx: EntityManager,
    { runId, turn }: { runId: string; turn: number },
    subject: Subject,
    how: MeasurementSettings,
    merged: { data: Merged; event: string | undefined } | undefined,
  ): Promise<ReadyToJudge | undefined> {
    const rows = bothRows.parse(
      await tx.query<unknown>(
        `INSERT INTO evaluation AS known (run_id, ${subject}_done, ${subject}_settings, merged, merged_event, turn)
         VALUES ($1, true, $2::jsonb, $3::jsonb, $4, $5)
         ON CONFLICT (run_id) DO UPDATE SET
           ${subject}_done = true,
           ${subject}_settings = excluded.${subject}_settings,
           merged = coalesce(excluded.merged, known.merged),
           merged_event = coalesce(excluded.merged_event, known.merged_event),
           turn = greatest(excluded.turn, known.turn)
         RETURNING base_done AND tuned_done AS complete, merged, merged_event AS "mergedEvent", turn`,
        [runId, JSON.stringify(how), merged ? JSON.stringify(merged.data) : null, merged?.event ?? null, turn],
      ),
    );
    const row = rows[0];
    if (!row?.complete || !row.merged) return undefined;
    return { merged: row.merged, causationId: row.mergedEvent ?? undefined, turn: row.turn };
  }

  /** How base and tuned were measured. */
  async settings(runId: string): Promise<{ base: MeasurementSettings; tuned: MeasurementSettings }> {
    const rows = settingsRows.parse(
      await this.dataSource.query<unknown>(
        'SELECT base_settings AS base, tuned_settings AS tuned FROM evaluation WHERE run_id = $1',
        [runId],
      ),
    );
    return { base: rows[0]?.base ?? {}, tuned: rows[0]?.tuned ?? {} };
  }
}
