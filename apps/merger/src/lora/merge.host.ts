import type { ArtifactRef, MergedModel } from '@anneal/contracts';
import type { ClaimedJob, StopSignal, WorkContext } from '@anneal/jobs';
import type { MergeInput } from '../merge.input.js';

/** For the one host that a service merges on; its configuration says which. */
export const MERGE_HOST = Symbol('merge host');

export interface MergeOptions {
  /** A folder of this merge alone, on the machine of the service. */
  readonly folder: string;
  readonly tell: (phase: string) => void;
  readonly context: WorkContext;
}

/** A merged model that is in the store, and what its comparison with base and adapter found. */
export interface LoraMerged {
  readonly artifact: ArtifactRef;
  readonly parity: MergedModel['parity'];
}

/** Where adapters are folded into their base models. */
export interface MergeHost {
  /** How many merges are taken on at once. */
  readonly merges: number;
  /** Folds a LoRA adapter into its base model, proves the result, and stores it. */
  merge(job: ClaimedJob<MergeInput>, options: MergeOptions): Promise<LoraMerged>;
  /** Gives back what a job had or waited for. */
  leave(job: Pick<ClaimedJob<unknown>, 'id'>, signal: StopSignal): Promise<void>;
}
