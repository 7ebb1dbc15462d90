/** A source that has been brought to this machine: a file that does not change any more, and its format. */
export interface StagedSource {
  readonly path: string;
  /** How messages name it: what the user wrote, not where it was put. */
  readonly name: string;
  readonly format: 'jsonl' | 'parquet';
}
