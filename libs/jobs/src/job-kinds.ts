import { stageNames, type StageName } from '@anneal/contracts';
import type { EntityManager } from 'typeorm';

/** A kind of job as its service declares it. */
export interface JobKind {
  readonly kind: string;
  readonly stage: StageName;
  /** The stage whose word leads to such a job: the stage's own for a job that another one of its jobs adds. */
  readonly follows: StageName | 'gateway';
  /** Forgets what the job did for a run, in the transaction that begins it anew. */
  readonly forget?: ((tx: EntityManager, runId: string) => Promise<void>) | undefined;
}

/**
 * What a retry from a stage means for a job: it is done again with the input that it had, or waits for the input that
 * the stages before it say anew, or is not concerned.
 */
export type Renewal = 'again' | 'outdated' | 'kept';

export function renewalOf({ stage, follows }: JobKind, from: StageName): Renewal {
  const place = (name: StageName | 'gateway'): number => (name === 'gateway' ? -1 : stageNames.indexOf(name));
  if (place(stage) < place(from)) return 'kept';
  if (place(follows) >= place(from)) return 'outdated';
  // What needed nothing of the stages that work again is kept, except by the stage that is named itself.
  return stage === from ? 'again' : 'kept';
}
