import type { EntityManager } from 'typeorm';
import type { Subject } from './answer.table.js';

/** A model that is measured anew is asked everything again: it may be another one. */
export function forgetAnswers(subject: Subject): (tx: EntityManager, runId: string) => Promise<void> {
  return async (tx, runId) => {
    await tx.query('DELETE FROM answer WHERE run_id = $1 AND subject = $2', [runId, subject]);
    const merged = subject === 'tuned' ? ', merged = NULL, merged_event = NULL' : '';
    await tx.query(
      `UPDATE evaluation SET ${subject}_done = false, ${subject}_settings = NULL${merged} WHERE run_id = $1`,
      [runId],
    );
  };
}
