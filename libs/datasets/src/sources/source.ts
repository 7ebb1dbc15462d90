import type { FileFormat } from '../readers/file.format.js';
import type { FileState } from '../readers/file.state.js';

/** The field of the RunSpec that names a source, and is at fault when there is none. */
export type SourceField = 'dataset.source' | 'dataset.heldOutFrom';

/** A file that has been brought to this machine. */
export interface SourceFile extends FileFormat {
  readonly path: string;
  /** How messages name it: what the user wrote or the Hub calls it, not where it was put. */
  readonly name: string;
  /** As it was when it was found; a file that is read in place may be written to by somebody else. */
  readonly state?: FileState;
}

/** A source with all its files, in the order in which they are read. */
export interface StagedSource {
  readonly name: string;
  readonly files: readonly SourceFile[];
  /** The commit of a Hub dataset that the files are of. */
  readonly commit?: string;
}
