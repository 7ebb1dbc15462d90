import type { EntityManager } from 'typeorm';
import { dropCheckpoints } from '../training/removal.table.js';

/** A training that is begun anew settles its plan again, and goes on from no checkpoint of the one before. */
export async function forgetTraining(tx: EntityManager, runId: string): Promise<void> {
  await tx.query('DELETE FROM training WHERE run_id = $1', [runId]);
  await dropCheckpoints(tx, runId);
}
