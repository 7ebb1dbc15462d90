import type { EntityManager } from 'typeorm';

/** A training that is begun anew settles its plan again, and goes on from no checkpoint of the one before. */
export async function forgetTraining(tx: EntityManager, runId: string): Promise<void> {
  await tx.query('DELETE FROM training WHERE run_id = $1', [runId]);
  await tx.query('DELETE FROM training_checkpoint WHERE run_id = $1', [runId]);
}
