import type { EntityManager } from 'typeorm';

/** A model that is published anew is a new commit: the one of before is no answer that was lost. */
export async function forgetPublication(tx: EntityManager, runId: string): Promise<void> {
  await tx.query('DELETE FROM publication WHERE run_id = $1', [runId]);
}
