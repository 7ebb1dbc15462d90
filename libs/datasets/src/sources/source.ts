/** The field of the RunSpec that names a source, and is at fault when there is none. */
export type SourceField = 'dataset.source' | 'dataset.heldOutFrom';

/** A file that has been brought to this machine and does not change any more. */
export interface SourceFile {
  readonly path: string;
  /** How messages name it: what the user wrote or the Hub calls it, not where it was put. */
  readonly name: string;
  readonly format: 'jsonl' | 'parquet';
}

/** A source with all its files, in the order in which they are read. */
export interface StagedSource {
  readonly name: string;
  readonly files: readonly SourceFile[];
}
