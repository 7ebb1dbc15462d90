import { StageAttempted, type EndedAttempt } from '@anneal/contracts';
import type { EntityManager } from 'typeorm';
import type { ClaimedJob } from './work.js';
import type { JobWorkerOptions } from './worker-options.js';

/** Says how an attempt ended, in the transaction that makes it so. */
export async function sayAttempt(
  tx: EntityManager,
  { outbox, stage }: Pick<JobWorkerOptions<never>, 'outbox' | 'stage'>,
  { runId, causationId, turn, project }: Pick<ClaimedJob<unknown>, 'runId' | 'causationId' | 'turn' | 'project'>,
  attempt: EndedAttempt,
): Promise<void> {
  await outbox.add(tx, StageAttempted, { runId, stage, attempt }, { runId, causationId, turn, project });
}
