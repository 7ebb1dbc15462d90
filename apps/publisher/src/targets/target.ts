import type { EntityManager } from 'typeorm';
import type { PublishInput } from '../publish.input.js';

export interface Publication {
  /** Where it is, as a user would name it. */
  readonly to: string;
  /** What names exactly this version there: a commit of the Hub, a digest of the registry. */
  readonly revision: string;
}

export interface PublishRequest {
  readonly runId: string;
  readonly input: PublishInput;
  readonly to: string;
  readonly card: string;
  readonly signal: AbortSignal;
  /** Token-guarded transaction for what has to be known before the outside world changes. */
  readonly commit: (change: (tx: EntityManager) => Promise<void>) => Promise<void>;
}

/** A place to publish to. Called again after a crash, it must find what it did before instead of doing it twice. */
export interface PublishTarget {
  publish(request: PublishRequest): Promise<Publication>;
}
